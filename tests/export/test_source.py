"""Tests of opening networks: bare state dicts and third-party code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from torch import Tensor, nn

from edgeseg.errors import ModelError
from edgeseg.models.card import read_card
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg.runtimes.base import load_runtime
from edgeseg_export.source import read_preprocessing
from edgeseg_train.network.resunet import architecture_by_name, build_network

RunConvert = Callable[..., Result]

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
STRETCH = 'size = 64\nfit = "stretch"\nstd = [0.5, 0.5, 0.5]\n'
FAST = ("--precision", "fp32", "--no-simplify")
STRETCHED = ("--preprocessing", "stretch.toml")
NET = ("--arch", "third_party_net:net")


def make_weights(name: str = "tiny") -> dict[str, Tensor]:
    torch.manual_seed(0)
    return build_network(architecture_by_name(name)).state_dict()


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working directory with third-party code, checkpoint and preprocessing."""
    (tmp_path / "third_party_net.py").write_text(FACTORY)
    (tmp_path / "stretch.toml").write_text(STRETCH)
    torch.manual_seed(0)
    weights = nn.Conv2d(3, 2, 3).state_dict()
    torch.save({f"conv.{name}": value for name, value in weights.items()}, tmp_path / "net.pth")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("wrapper", "prefix"),
    [
        ("", ""),
        ("", "_orig_mod."),
        ("state_dict", "module."),
        ("state_dict", "model.net."),
        ("model_state_dict", ""),
    ],
)
def test_bare_state_dict_is_converted(
    tmp_path: Path, wrapper: str, prefix: str, run_convert: RunConvert
) -> None:
    weights = {f"{prefix}{name}": value for name, value in make_weights().items()}
    torch.save({wrapper: weights, "epoch": 3} if wrapper else weights, tmp_path / "net.pth")
    options = ("--arch", "tiny", "--preprocessing", "reference", "--size", "64")
    result = run_convert(tmp_path / "net.pth", *options, *FAST)
    assert result.exit_code == 0, result.output
    card = read_card(tmp_path / "net.fp32.onnx")
    assert (card.architecture, card.threshold) == ("tiny", 0.5)
    assert card.preprocessing == preprocessing_preset("reference", 64)


@pytest.mark.parametrize("arch", ["third_party_net:net", "third_party_net.py:net"])
@pytest.mark.parametrize("output", ["0:logit", "-1:probability"])
def test_third_party_network_is_converted(
    third_party: Path, arch: str, output: str, run_convert: RunConvert
) -> None:
    result = run_convert("net.pth", "--arch", arch, *STRETCHED, "--output", output, *FAST)
    assert result.exit_code == 0, result.output
    photo = np.random.default_rng(1).integers(0, 256, (1, 64, 64, 3), np.uint8)
    file = third_party / "net.fp32.onnx"
    actual = load_runtime(file, 64, "onnxruntime", 1).infer(photo)
    conv = nn.Conv2d(3, 2, 3, padding=1)
    weights = torch.load(third_party / "net.pth", weights_only=True)
    conv.load_state_dict({name.removeprefix("conv."): value for name, value in weights.items()})
    pixels = torch.from_numpy(photo).permute(0, 3, 1, 2) / 255 / 0.5
    channel = 0 if output == "0:logit" else 1
    with torch.inference_mode():
        expected = conv(pixels)[0, channel].sigmoid().numpy()
    assert np.abs(actual - expected).max() < 1e-5
    card = read_card(file)
    assert (card.architecture, card.preprocessing.fit, card.training_data) == (arch, "stretch", ())
    assert (card.output, card.input_channels) == (output, "rgb")


@pytest.mark.parametrize(
    ("output", "advice"), [("1:logit", "1:probability"), ("0:probability", "0:logit")]
)
def test_output_of_another_kind_is_rejected_with_option_that_works(
    third_party: Path, output: str, advice: str, run_convert: RunConvert
) -> None:
    result = run_convert("net.pth", *NET, *STRETCHED, "--output", output, *FAST)
    assert result.exit_code == 6
    assert f"--output {advice}." in result.stderr
    assert not (third_party / "net.fp32.onnx").exists()
    result = run_convert("net.pth", *NET, *STRETCHED, "--output", advice, *FAST)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("bias", [-50, 50])
def test_masks_that_are_all_full_or_empty_give_a_warning(
    third_party: Path, bias: float, run_convert: RunConvert
) -> None:
    weights = torch.load(third_party / "net.pth", weights_only=True)
    weights["conv.bias"] += bias
    torch.save(weights, third_party / "net.pth")
    result = run_convert("net.pth", *NET, *STRETCHED, "--output", "0:logit", *FAST)
    assert result.exit_code == 0, result.output
    assert "implausible_mask" in result.stderr


@pytest.mark.parametrize("channels", ["bgr", "green"])
def test_network_with_other_input_channels_is_converted(
    third_party: Path, channels: str, run_convert: RunConvert
) -> None:
    count = 3 if channels == "bgr" else 1
    (third_party / "plain_net.py").write_text(
        f"from torch import nn\n\n\ndef net():\n    return nn.Conv2d({count}, 1, 1)\n"
    )
    weights = torch.arange(1.0, count + 1).view(1, count, 1, 1)
    torch.save({"weight": weights, "bias": torch.zeros(1)}, third_party / "net.pth")
    (third_party / "mean.toml").write_text("size = 32\nmean = [0.1, 0.2, 0.3]\n")
    options = ("--arch", "plain_net.py:net", "--preprocessing", "mean.toml", *FAST)
    result = run_convert("net.pth", *options, "--input-channels", channels)
    assert result.exit_code == 0, result.output
    photo = np.random.default_rng(1).integers(0, 256, (1, 32, 32, 3), np.uint8)
    file = third_party / "net.fp32.onnx"
    actual = load_runtime(file, 32, "onnxruntime", 1).infer(photo)
    pixels = photo[0] / 255 - np.array([0.1, 0.2, 0.3])
    logit = pixels @ [3, 2, 1] if channels == "bgr" else pixels[:, :, 1]
    assert np.abs(actual - 1 / (1 + np.exp(-logit))).max() < 1e-5
    assert read_card(file).input_channels == channels


def test_factory_file_may_have_name_of_loaded_module(
    third_party: Path, run_convert: RunConvert
) -> None:
    (third_party / "onnx.py").write_text(FACTORY)
    options = ("--arch", "onnx.py:net", "--output", "0:logit", *STRETCHED, *FAST)
    result = run_convert("net.pth", *options)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 2, "--arch"),
        (NET, 2, "--preprocessing"),
        (("--arch", "third_party_net:no", *STRETCHED), 2, "no function no"),
        (("--arch", "none:net", *STRETCHED), 2, "cannot be imported"),
        (("--arch", "none.py:net", *STRETCHED), 2, "none.py cannot be imported"),
        (("--arch", "third_party_net:broken", *STRETCHED), 2, "no weights at hand"),
        (("--arch", "third_party_net:nothing", *STRETCHED), 2, "returned a int"),
        ((*NET, *STRETCHED, "--output", "2:logit"), 6, "2 outputs"),
        ((*NET, *STRETCHED, "--output", "0:vessels"), 2, "0:vessels"),
        ((*NET, *STRETCHED, "--output", "vessels"), 6, "0 (1, 1, 64, 64)"),
        ((*NET, *STRETCHED), 6, "--output 0:logit"),
        ((*NET, "--preprocessing", "none.toml"), 6, "none.toml"),
        (("--arch", "tiny", *STRETCHED), 6, "input_layer"),
        (("--arch", "huge", *STRETCHED), 6, "'huge'"),
    ],
)
def test_open_source_rejects_unsuitable_options_in_one_line(
    third_party: Path, options: tuple[str, ...], code: int, message: str, run_convert: RunConvert
) -> None:
    result = run_convert("net.pth", "-o", "out", *options, *FAST)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (third_party / "out").exists()


def test_preprocessing_file_with_unknown_key_is_rejected(
    third_party: Path, run_convert: RunConvert
) -> None:
    (third_party / "stretch.toml").write_text("size = 64\nzoom = 2\n")
    result = run_convert("net.pth", *NET, *STRETCHED, *FAST)
    assert result.exit_code == 6
    assert "stretch.toml" in result.stderr
    assert "'zoom'" in result.stderr


def write_damaged(damage: str, file: Path) -> None:
    weights = make_weights()
    name = "output.0.weight"
    if damage == "renamed":
        weights["head.weight"] = weights.pop(name)
    elif damage == "shape":
        weights[name] = weights[name][:1]
    elif damage == "NaN":
        weights[name] = weights[name] * float("nan")
    torch.save({"weights": Path} if damage == "code" else weights, file)
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:2000])
    elif damage == "corrupted":
        file.write_bytes(b"\0" * 100 + file.read_bytes()[100:])


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        ("renamed", ("output.0.weight", "head.weight")),
        ("shape", ("output.0.weight", "[16, 16, 3, 3]")),
        ("NaN", ("NaN",)),
        ("code", ("state_dict()",)),
        ("truncated", ("damaged",)),
        ("corrupted", ("damaged",)),
    ],
)
def test_unsuitable_checkpoint_is_rejected_in_one_line(
    tmp_path: Path, damage: str, parts: tuple[str, ...], run_convert: RunConvert
) -> None:
    write_damaged(damage, tmp_path / "net.pth")
    options = ("--arch", "tiny", "--preprocessing", "edge", "--size", "64", "-o", tmp_path / "x")
    result = run_convert(tmp_path / "net.pth", *options, *FAST)
    assert result.exit_code == 6, result.output
    assert "net.pth" in result.stderr
    assert all(part in result.stderr for part in parts)
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("line", ["from .parts import Net", "from models.parts import Net"])
def test_factory_file_inside_package_imports_its_siblings(
    third_party: Path, line: str, run_convert: RunConvert, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "models"]:
        monkeypatch.delitem(sys.modules, name)
    package = third_party / "models"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "parts.py").write_text(FACTORY)
    (package / "unet.py").write_text(f"{line}\n\ndef build():\n    return Net()\n")
    result = run_convert(
        "net.pth", "--arch", "models/unet.py:build", *STRETCHED, "--output", "0:logit", *FAST
    )
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("text", ["size = " + 5000 * "[", "size = 1e999", "size", "\x00"])
def test_read_preprocessing_invalid_toml_raises(text: str, tmp_path: Path) -> None:
    file = tmp_path / "preprocessing.toml"
    file.write_text(text)
    with pytest.raises(ModelError, match=r"preprocessing\.toml"):
        read_preprocessing(file)
