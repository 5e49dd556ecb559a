"""`edgeseg convert`: what it writes is the network, says so of itself, and appears whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor, nn

from edgeseg.cli import cli
from edgeseg.datasets import open_data
from edgeseg.errors import ModelError
from edgeseg.evaluation.result import Check
from edgeseg.models.card import Licence, read_card
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg.runtimes.base import load_runtime
from edgeseg_export import command, publish
from edgeseg_export.model_card import make_card
from edgeseg_export.onnx_graph import simplify
from edgeseg_export.onnx_graph.trace import PhotoToProbability, trace_to_onnx
from edgeseg_export.source import of_checkpoint
from edgeseg_export.verify import checks
from edgeseg_export.verify.parity import in_torch, measure
from edgeseg_train.checkpoint import (
    Checkpoint,
    TrainingData,
    WorkingSize,
    load_checkpoint,
    save_checkpoint,
)
from edgeseg_train.network.complexity import count_gmac, count_parameters
from edgeseg_train.network.resunet import Architecture, ResUNet, architecture_by_name, build_network

REFERENCE = preprocessing_preset("reference", 64)
SIZES = (WorkingSize("default", 64, 0.4), WorkingSize("detail", 96, 0.45))


def trained(
    how: PreprocessingConfig = REFERENCE, sizes: tuple[WorkingSize, ...] = SIZES[:1]
) -> Checkpoint:
    """A tiny checkpoint with random weights, its batch statistics not those of a fresh network."""
    torch.manual_seed(0)
    network = build_network(architecture_by_name("tiny"))
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                module.running_mean.normal_(0, 0.1)
                module.weight.normal_(1, 0.1)
    data = (TrainingData("hrf", 24, "CC BY 4.0"), TrainingData("synthetic", 3, "drawn"))
    evidence = {"default": {"mean": 0.71234, "hrf": 0.812345}, "detail": {"mean": 0.8, "hrf": 0.83}}
    return Checkpoint(
        architecture_by_name("tiny"), network.state_dict(), how, sizes, data, evidence
    )


def run(*arguments: str | Path) -> Result:
    """`edgeseg convert`, FP32 unless asked for more: with random weights any rounding turns a pixel over."""
    precision = [] if "--precision" in arguments else ["--precision", "fp32"]
    return CliRunner().invoke(cli, ["convert", *map(str, arguments), *precision])


@pytest.fixture(autouse=True)
def one_drawing() -> Iterator[None]:
    """Parity on one drawn photograph instead of four."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "DRAWN", "synthetic:1")
        yield


def kill_simplifier(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """An onnxsim that is killed, as by the system when memory runs out."""
    (folder / "fake").mkdir()
    (folder / "fake" / "onnxsim.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    patch.setenv("PYTHONPATH", str(folder / "fake"))


@pytest.fixture
def no_simplifier(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kill_simplifier(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints and, in `out/`, their model files: `whole` simplified; `net` of two working sizes, not simplified."""
    folder = tmp_path_factory.mktemp("convert")
    save_checkpoint(trained(), folder / "whole.pt")
    save_checkpoint(trained(sizes=SIZES), folder / "net.pt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "DRAWN", "synthetic:1")
        results = [run(folder / "whole.pt", "-o", folder / "out")]
        kill_simplifier(patch, folder)
        results.append(run(folder / "net.pt", "-o", folder / "out"))
    assert [result.exit_code for result in results] == [0, 0], results
    said = ["".join(result.output.split()) for result in results]
    assert "byonnxsim" in said[0]
    assert "byonnxsim" not in said[1]
    assert f"{folder}/out/net-detail.fp32.onnx" in said[1]
    return folder


FILES = [("whole", SIZES[0]), ("net", SIZES[0]), ("net-detail", SIZES[1])]


def test_a_file_for_each_working_size_and_nothing_else(converted: Path) -> None:
    assert {path.name for path in (converted / "out").iterdir()} == {
        f"{name}.fp32.onnx" for name, _ in FILES
    }


@pytest.mark.parametrize(("name", "size"), FILES)
def test_the_card_says_what_the_checkpoint_says(
    converted: Path, name: str, size: WorkingSize
) -> None:
    source = converted / f"{name.removesuffix('-detail')}.pt"
    checkpoint = load_checkpoint(source)
    card = read_card(converted / "out" / f"{name}.fp32.onnx")
    assert (card.name, card.architecture, card.precision, card.compute) == (
        name,
        "tiny",
        "fp32",
        "float32",
    )
    assert card.preprocessing == replace(checkpoint.preprocessing, size=size.size)
    assert card.threshold == size.threshold
    assert card.parameters == count_parameters(checkpoint.network())
    assert card.gmac == pytest.approx(count_gmac(checkpoint.network(), size.size), abs=1e-3)
    assert card.training_data == (Licence("hrf", 24, "CC BY 4.0"), Licence("synthetic", 3, "drawn"))
    assert card.evidence == {
        "hrf/validation/native": round(checkpoint.evidence[size.name]["hrf"], 4)
    }
    assert card.checkpoint_sha256 == hashlib.sha256(source.read_bytes()).hexdigest()


@pytest.mark.parametrize(("name", "size"), [(name, size.size) for name, size in FILES])
def test_the_contract_of_a_model_file(converted: Path, name: str, size: int) -> None:
    file = converted / "out" / f"{name}.fp32.onnx"
    onnx.checker.check_model(onnx.load(file), full_check=True)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    ((given,), (taken,)) = session.get_outputs(), session.get_inputs()
    assert (taken.name, taken.type, taken.shape) == ("photo", "tensor(uint8)", [1, size, size, 3])
    assert (given.name, given.type, given.shape) == (
        "probability",
        "tensor(float)",
        [1, size, size],
    )


@pytest.mark.parametrize(("name", "size"), [(name, size.size) for name, size in FILES])
def test_onnx_runtime_computes_what_torch_computes(converted: Path, name: str, size: int) -> None:
    network = load_checkpoint(converted / "net.pt").network()
    photo = np.random.default_rng(1).integers(0, 256, (1, size, size, 3), np.uint8)
    got = load_runtime(converted / "out" / f"{name}.fp32.onnx", size, "onnxruntime", 1).infer(photo)
    expected = as_reference(network, photo)
    assert got.shape == (size, size)
    assert np.abs(got - expected).max() < 1e-5
    assert np.ptp(expected) > 0.05


def as_reference(
    network: ResUNet, photo: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """(photograph / 255 - ImageNet's mean) / deviation, network, sigmoid: step by step, not as the export folds it."""
    pixels = torch.from_numpy(photo).permute(0, 3, 1, 2).float() / 255
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    with torch.inference_mode():
        logits: Tensor = network((pixels - mean) / std)
    return np.asarray(logits.sigmoid()[0, 0].numpy(), np.float32)


def test_the_same_checkpoint_gives_the_same_bytes(tmp_path: Path) -> None:
    save_checkpoint(trained(), tmp_path / "net.pt")
    for folder in ("one", "other"):
        assert run(tmp_path / "net.pt", "-o", tmp_path / folder, "--no-simplify").exit_code == 0
    assert (tmp_path / "one/net.fp32.onnx").read_bytes() == (
        tmp_path / "other/net.fp32.onnx"
    ).read_bytes()


def test_a_killed_simplifier_is_told_of(tmp_path: Path, no_simplifier: None) -> None:
    save_checkpoint(trained(), tmp_path / "net.pt")
    result = run(tmp_path / "net.pt")
    assert result.exit_code == 0, result.output
    assert "onnxsim ended with -9" in " ".join(result.output.replace("│", " ").split())
    assert (
        read_card(tmp_path / "net.fp32.onnx").architecture == "tiny"
    )  # beside the checkpoint, where no -o is given


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('no such operator')", "no such operator"),
        ("pass", "onnxsim ended with 0"),
        ("import sys; open(sys.argv[2], 'wb').write(b'no model')", "unreadable"),
        ("import sys; open(sys.argv[2], 'wb').write(b'')", "unreadable"),
        ("import time; time.sleep(60)", "longer than"),
    ],
    ids=["fails", "writes nothing", "writes nonsense", "writes an empty file", "hangs"],
)
def test_whatever_the_simplifier_does_the_graph_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    (tmp_path / "onnxsim.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(simplify, "SECONDS", 1 if "sleep" in code else 60)
    node = onnx.helper.make_node("Identity", ["a"], ["b"])
    tensors = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "ab"
    ]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", tensors[:1], tensors[1:]))
    same, reason = simplify.simplify(model)
    assert same is model
    assert said in reason
    assert "\n" not in reason


def test_the_simplifier_runs_no_file_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_simplifier: None
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "onnxsim.py").write_text(
        "import pathlib; pathlib.Path(__file__).with_name('ran').touch()"
    )
    simplify.simplify(onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [])))
    assert not (tmp_path / "ran").exists()


def test_a_precision_that_fails_is_not_published_and_its_older_file_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(checks.LIMITS, "fp16w", replace(checks.LIMITS["fp16w"], bytes=0.1))
    save_checkpoint(trained(), tmp_path / "net.pt")
    (tmp_path / "out").mkdir()
    for precision in ("fp32", "fp16w", "int8"):
        (tmp_path / "out" / f"net.{precision}.onnx").write_text("an earlier one")
    result = run(
        tmp_path / "net.pt", "-o", tmp_path / "out", "--precision", "fp32,fp16w", "--no-simplify"
    )
    assert result.exit_code == 4
    assert "net.fp16w.onnx: bytes" in result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "net.fp32.onnx",
        "net.int8.onnx",
    }
    assert read_card(tmp_path / "out" / "net.fp32.onnx").precision == "fp32"


def test_parity_notices_another_network(tmp_path: Path) -> None:
    how = preprocessing_preset("edge", 64)
    one, other = trained(how).network(), trained(how).network()
    with torch.no_grad():
        other.output[0].bias.add_(0.01)  # type: ignore[index]
    card = make_card(of_checkpoint(trained(how)), SIZES[0], "net", "0")
    file = tmp_path / "one.onnx"
    file.write_bytes(publish.add_card(trace_to_onnx(PhotoToProbability(one, how), 64), card))
    assert all(compared(file, one, how, tmp_path))
    (different,) = [check for check in compared(file, other, how, tmp_path) if not check]
    assert different.name == "difference"
    assert different.value is not None
    assert 1e-4 < different.value < 0.01
    with torch.no_grad():
        other.output[0].bias.fill_(float("nan"))  # type: ignore[index]
    assert {check.name for check in compared(file, other, how, tmp_path) if not check} == {
        "finite",
        "difference",
    }
    assert checks.check_card(file, card)
    assert not checks.check_card(file, card._replace(threshold=0.1))


def compared(file: Path, network: ResUNet, how: PreprocessingConfig, scratch: Path) -> list[Check]:
    data_sets = [open_data("synthetic:1", "test")]
    truth = in_torch(PhotoToProbability(network, how), how, 0.5, data_sets, False, scratch)
    return list(
        checks.check_measured(
            "fp32", measure(load_runtime(file, how.size, "onnxruntime", 1), truth)
        )
    )


def test_exit_codes_of_what_is_refused(tmp_path: Path) -> None:
    assert run().exit_code == 2
    missing = run(tmp_path / "none.pt")
    assert missing.exit_code == 6
    assert "none.pt" in missing.stderr
    (tmp_path / "bad.pt").write_bytes(b"no checkpoint")
    assert run(tmp_path / "bad.pt", "-o", tmp_path / "out").exit_code == 6
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    save_checkpoint(trained(), tmp_path / "net.pt")
    (tmp_path / "file").touch()
    assert run(tmp_path / "net.pt", "-o", tmp_path / "file" / "out").exit_code == 7


@pytest.mark.parametrize(
    "how",
    [
        preprocessing_preset("edge", 64),
        preprocessing_preset("reference", 64),
        PreprocessingConfig(64, std=(0.5, 2, 1)),
    ],
)
def test_the_graph_takes_a_photograph_as_it_is(how: PreprocessingConfig) -> None:
    torch.manual_seed(0)
    network = build_network(Architecture("x", (4, 8), 8, 1, 1, "transposed", 0.1, 64)).eval()
    photo = torch.randint(0, 256, (1, 32, 32, 3), dtype=torch.uint8)
    pixels = (
        photo.permute(0, 3, 1, 2) / 255 - torch.tensor(how.mean).view(3, 1, 1)
    ) / torch.tensor(how.std).view(3, 1, 1)
    with torch.inference_mode():
        got = PhotoToProbability(network, how)(photo)
        assert torch.allclose(got, network(pixels).sigmoid()[:, 0], atol=1e-5)
    assert got.shape == (1, 32, 32)


def test_a_size_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match="70x70") as error:
        trace_to_onnx(
            PhotoToProbability(
                build_network(architecture_by_name("tiny")), preprocessing_preset("edge", 70)
            ),
            70,
        )
    assert "\n" not in str(error.value)
