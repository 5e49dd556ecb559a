"""What can be converted: bare state dicts of the family, third-party networks, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor, nn

from edgeseg.cli import cli
from edgeseg.errors import UsageError
from edgeseg.models.card import read_card
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg.runtimes.base import load_runtime
from edgeseg_export import command
from edgeseg_export.output_spec import OutputSpec
from edgeseg_train.network.resunet import architecture_by_name, build_network

FACTORY = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x):
        first, second = self.conv(x).split(1, dim=1)
        return first, torch.sigmoid(second)

def net():
    return Net()

def broken():
    raise KeyError("no weights at hand")

def nothing():
    return 1
"""
STRETCHED = 'size = 64\nfit = "stretch"\nstd = [0.5, 0.5, 0.5]\n'


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(
        cli, ["convert", *map(str, arguments), "--precision", "fp32", "--no-simplify"]
    )


@pytest.fixture(autouse=True)
def one_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "DRAWN", "synthetic:1")


def weights(name: str = "tiny") -> dict[str, Tensor]:
    torch.manual_seed(0)
    return build_network(architecture_by_name(name)).state_dict()


@pytest.mark.parametrize("wrapped", ["state_dict", "model_state_dict", ""])
@pytest.mark.parametrize("prefix", ["module.", "", "_orig_mod.", "model.net."])
def test_a_bare_state_dict_of_the_family(tmp_path: Path, wrapped: str, prefix: str) -> None:
    bare = {f"{prefix}{key}": value for key, value in weights().items()}
    torch.save({wrapped: bare, "epoch": 3} if wrapped else bare, tmp_path / "net.pth")
    result = run(
        tmp_path / "net.pth", "--arch", "tiny", "--preprocessing", "reference", "--size", "64"
    )
    assert result.exit_code == 0, result.output
    card = read_card(tmp_path / "net.fp32.onnx")
    assert (card.architecture, card.threshold, card.preprocessing) == (
        "tiny",
        0.5,
        preprocessing_preset("reference", 64),
    )


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds somebody's network, its checkpoint and its preprocessing."""
    (tmp_path / "somebodys.py").write_text(FACTORY)
    (tmp_path / "how.toml").write_text(STRETCHED)
    torch.manual_seed(0)
    torch.save(
        {f"conv.{k}": v for k, v in nn.Conv2d(3, 2, 3).state_dict().items()},
        tmp_path / "theirs.pth",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize("arch", ["somebodys:net", "somebodys.py:net"])
@pytest.mark.parametrize("output", ["logit", "1:probability"])
def test_a_network_that_is_not_ours(third_party: Path, arch: str, output: str) -> None:
    result = run("theirs.pth", "--arch", arch, "--preprocessing", "how.toml", "--output", output)
    assert result.exit_code == 0, result.output
    photo = np.random.default_rng(1).integers(0, 256, (1, 64, 64, 3), np.uint8)
    got = load_runtime(third_party / "theirs.fp32.onnx", 64, "onnxruntime", 1).infer(photo)
    conv = nn.Conv2d(3, 2, 3, padding=1)
    stored = torch.load(third_party / "theirs.pth", weights_only=True)
    conv.load_state_dict({key.removeprefix("conv."): value for key, value in stored.items()})
    channel = 0 if output == "logit" else 1
    with torch.inference_mode():
        expected = (
            conv(torch.from_numpy(photo).permute(0, 3, 1, 2) / 255 / 0.5)[0, channel]
            .sigmoid()
            .numpy()
        )
    assert np.abs(got - expected).max() < 1e-5
    card = read_card(third_party / "theirs.fp32.onnx")
    assert (card.architecture, card.preprocessing.fit, card.training_data) == (arch, "stretch", ())


def test_a_file_may_be_called_like_a_module_that_is_loaded(third_party: Path) -> None:
    (third_party / "onnx.py").write_text(FACTORY)
    result = run("theirs.pth", "--arch", "onnx.py:net", "--preprocessing", "how.toml")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "give --arch"),
        (["--arch", "somebodys:net"], 2, "give --preprocessing"),
        (["--arch", "somebodys:no", "--preprocessing", "how.toml"], 2, "no function no"),
        (["--arch", "none:net", "--preprocessing", "how.toml"], 2, "cannot be imported"),
        (["--arch", "none.py:net", "--preprocessing", "how.toml"], 2, "none.py cannot be imported"),
        (["--arch", "somebodys:broken", "--preprocessing", "how.toml"], 2, "no weights at hand"),
        (["--arch", "somebodys:nothing", "--preprocessing", "how.toml"], 2, "returned a int"),
        (
            ["--arch", "somebodys:net", "--preprocessing", "how.toml", "--output", "2:logit"],
            6,
            "gives 2 outputs",
        ),
        (
            ["--arch", "somebodys:net", "--preprocessing", "how.toml", "--output", "vessels"],
            2,
            "logit or probability",
        ),
        (["--arch", "somebodys:net", "--preprocessing", "none.toml"], 6, "none.toml"),
        (["--arch", "tiny", "--preprocessing", "how.toml"], 6, "missing input_layer"),
        (["--arch", "huge", "--preprocessing", "how.toml"], 6, "'huge' is unknown"),
    ],
)
def test_refusals_in_one_line(
    third_party: Path, arguments: list[str], code: int, said: str
) -> None:
    result = run("theirs.pth", "-o", "out", *arguments)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (third_party / "out").exists()


def test_a_toml_file_with_an_unknown_key_is_named(third_party: Path) -> None:
    (third_party / "how.toml").write_text("size = 64\nzoom = 2\n")
    result = run("theirs.pth", "--arch", "somebodys:net", "--preprocessing", "how.toml")
    assert result.exit_code == 6
    assert "how.toml: preprocessing: unknown key 'zoom'" in result.stderr


def damaged(kind: str, file: Path) -> None:
    bare = weights()
    name = "output.0.weight"
    if kind == "left over":
        bare["head.weight"] = bare.pop(name)
    elif kind == "shape":
        bare[name] = bare[name][:1]
    elif kind == "NaN":
        bare[name] = bare[name] * float("nan")
    torch.save(bare if kind != "code" else {"weights": Path}, file)
    if kind == "truncated":
        file.write_bytes(file.read_bytes()[:2000])
    elif kind == "corrupted":
        file.write_bytes(b"\0" * 100 + file.read_bytes()[100:])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("left over", "missing output.0.weight; left over head.weight"),
        ("shape", "expected (16, 16, 3, 3)"),
        ("NaN", "holds NaN"),
        ("code", "save its state_dict() instead"),
        ("truncated", "damaged"),
        ("corrupted", "damaged"),
    ],
)
def test_checkpoints_that_are_refused(tmp_path: Path, kind: str, said: str) -> None:
    damaged(kind, tmp_path / "net.pth")
    result = run(
        tmp_path / "net.pth",
        "--arch",
        "tiny",
        "--preprocessing",
        "edge",
        "--size",
        "64",
        "-o",
        tmp_path / "x",
    )
    assert result.exit_code == 6, result.output
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_the_text_of_an_output() -> None:
    assert OutputSpec.parse("probability") == OutputSpec(0, "probability")
    assert OutputSpec.parse("3:logit") == OutputSpec(3, "logit")
    for text in ("", "-1:logit", "logit:1", "1:"):
        with pytest.raises(UsageError):
            OutputSpec.parse(text)
