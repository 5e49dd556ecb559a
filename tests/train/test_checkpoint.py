"""Checkpoints: all that they carry comes back, and no file, however made, brings up more than a refusal."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from edgeseg.errors import EdgesegError, ModelError
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg_train.checkpoint import (
    Checkpoint,
    TrainingData,
    WorkingSize,
    check_fit,
    load_checkpoint,
    read_tensors,
    save_checkpoint,
)
from edgeseg_train.network.resunet import architecture_by_name, build_network

Plain = dict[str, object]


@pytest.fixture(scope="module")
def trained() -> Checkpoint:
    """A checkpoint with random weights in which everything is filled."""
    torch.manual_seed(0)
    return Checkpoint(
        architecture=architecture_by_name("tiny"),
        weights=build_network(architecture_by_name("tiny")).state_dict(),
        preprocessing=preprocessing_preset("edge", 128),
        sizes=(WorkingSize("default", 128, 0.4), WorkingSize("detail", 256, 0.45)),
        training_data=(
            TrainingData("hrf", 24, "CC BY 4.0"),
            TrainingData("synthetic", 3, "Apache-2.0"),
        ),
        evidence={"default": {"mean": 0.7, "hrf": 0.8}},
    )


@pytest.fixture
def file(tmp_path: Path, trained: Checkpoint) -> Path:
    save_checkpoint(trained, tmp_path / "net.pt")
    return tmp_path / "net.pt"


def refused(file: Path, said: str = "") -> None:
    with pytest.raises(ModelError) as error:
        load_checkpoint(file)
    message = str(error.value)
    assert message.startswith(str(file))
    assert message.isprintable(), message
    assert len(message) < len(str(file)) + 500
    assert said in message


def test_all_comes_back(file: Path, trained: Checkpoint) -> None:
    back = load_checkpoint(file)
    assert replace(back, weights={}) == replace(trained, weights={})
    assert list(back.weights) == list(trained.weights)
    assert all(torch.equal(back.weights[name], weight) for name, weight in trained.weights.items())


def test_the_network_computes_the_same(file: Path, trained: Checkpoint) -> None:
    photo = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(load_checkpoint(file).network()(photo), trained.network()(photo))
    assert not load_checkpoint(file).network().training


def test_a_network_of_a_checkpoint_is_its_own(trained: Checkpoint) -> None:
    network = trained.network()
    with torch.no_grad():
        network.output[0].weight.zero_()  # type: ignore[index]
    assert trained.weights["output.0.weight"].any()


def test_half_precision_weights_compute_in_fp32(tmp_path: Path, trained: Checkpoint) -> None:
    half = {
        name: weight.half() if weight.is_floating_point() else weight
        for name, weight in trained.weights.items()
    }
    save_checkpoint(replace(trained, weights=half), tmp_path / "half.pt")
    network = load_checkpoint(tmp_path / "half.pt").network()
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_saving_replaces_whole_files_only(file: Path, trained: Checkpoint) -> None:
    save_checkpoint(trained, file)
    assert [path.name for path in file.parent.iterdir()] == ["net.pt"]


def test_the_weights_load_as_torch_advises(file: Path) -> None:
    assert set(torch.load(file, weights_only=True)) >= {
        "architecture",
        "weights",
        "preprocessing",
        "training_data",
    }


# What is refused


class Trap:
    """Runs when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("raw", [False, True])
def test_pickled_code_is_refused_and_not_run(tmp_path: Path, raw: bool) -> None:
    content, mark = {"format": 1, "weights": Trap(tmp_path / "ran")}, tmp_path / "ran"
    if raw:
        (tmp_path / "x.pt").write_bytes(pickle.dumps(content))
    else:
        torch.save(content, tmp_path / "x.pt")
    refused(tmp_path / "x.pt", "pickle")
    assert not mark.exists()


def test_a_whole_pickled_network_is_refused(tmp_path: Path) -> None:
    torch.save(build_network(architecture_by_name("tiny")), tmp_path / "x.pt")
    refused(tmp_path / "x.pt", "state_dict()")


def test_no_such_file(tmp_path: Path) -> None:
    refused(tmp_path / "x.pt", "no such")
    refused(tmp_path, "no such")


def test_a_torchscript_program_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch calls it deprecated
        torch.jit.save(torch.jit.script(torch.nn.Conv2d(3, 4, 1)), str(tmp_path / "program.pt"))
    refused(tmp_path / "program.pt", "save its state_dict()")


@pytest.mark.parametrize(
    "content", [b"", b"hello world, this is text\n", b"PK\x03\x04", b"\x80\x02.", bytes(1000)]
)
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    refused(tmp_path / "x.pt")


def test_a_truncated_file_is_refused(file: Path) -> None:
    data = file.read_bytes()
    for share in (0, 0.01, 0.3, 0.9, 0.999):
        file.write_bytes(data[: int(share * len(data))])
        refused(file)


def test_a_flipped_bit_of_a_weight_is_refused(file: Path, trained: Checkpoint) -> None:
    """It would load as another number, and convert to a network that nobody trained."""
    data = bytearray(file.read_bytes())
    data[data.index(trained.weights["output.0.weight"].numpy().tobytes()) + 5] ^= 1
    file.write_bytes(data)
    refused(file, "damaged")


def test_a_damaged_file_is_refused_or_loads(file: Path) -> None:
    data, rng = file.read_bytes(), np.random.default_rng(0)
    at = data.index(b"data.pkl")
    for turn in range(50):
        damaged = np.frombuffer(data, np.uint8).copy()
        start = at if turn % 2 else 0
        span = 3000 if turn % 2 else len(data)  # half of the turns in the record, half anywhere
        where = start + rng.integers(min(span, len(data) - start), size=1 + turn % 5)
        damaged[where] = rng.integers(256, size=len(where))
        file.write_bytes(damaged.tobytes())
        try:
            load_checkpoint(file).network()
        except EdgesegError as error:
            assert isinstance(error, ModelError)
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    "content",
    [[1, 2], 5, torch.zeros(3), "text", None, {}, {"a": 1}, {"format": 2}, {3: 4, "x": 1}],
)
def test_other_contents_are_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pt")
    refused(tmp_path / "x.pt")


def edited(file: Path, change: Callable[[Plain], object]) -> None:
    """Change the record in a checkpoint."""
    plain = read_tensors(file)
    change(plain)
    torch.save(plain, file)


def put(*path: str | int, value: object) -> Callable[[Plain], object]:
    """Sets an entry of the record."""

    def change(plain: Plain) -> None:
        at: object = plain
        for key in path[:-1]:
            at = at[key]  # type: ignore[index]
        at[path[-1]] = value  # type: ignore[index]

    return change


BN = "encoder1_1.bn1.running_var"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("format", value=2), "format 2"),
        (lambda plain: plain.pop("format"), "format"),
        (lambda plain: plain.pop("weights"), "weights"),
        (lambda plain: plain.pop("sizes"), "sizes"),
        (lambda plain: plain.pop("training_data"), "training_data"),
        (put("weights", BN, value=torch.full((16,), float("nan"))), "NaN"),
        (put("weights", BN, value=torch.full((16,), float("inf"))), "infinite"),
        (put("weights", BN, value=torch.ones(17)), f"'{BN}' is (17,), expected (16,)"),
        (put("weights", BN, value=[1.0] * 16), "no tensor"),
        (put("weights", BN, value=torch.ones(1).expand(10**6, 10**6)), BN),
        (put("weights", BN, value=torch.ones(16, device="meta")), ""),
        (put("weights", BN, value=torch.ones(16).to_sparse()), ""),
        (put("weights", "more", value=torch.ones(3)), "'more' is (3,), expected none"),
        (put("weights", value={}), "expected"),
        (put("weights", value=[]), ""),
        (put("architecture", value="tiny"), ""),
        (put("architecture", "widths", value=[16, 33]), "fit"),
        (put("architecture", "widths", value=[10**12]), "architecture"),
        (put("architecture", "widths", value=5), ""),
        (put("architecture", "blocks", value=10**12), "architecture"),
        (put("architecture", "colour", value=1), "colour"),
        (put("preprocessing", "size", value=float("inf")), "size"),
        (put("preprocessing", "zoom", value=1), "'zoom'"),
        (put("preprocessing", value=[]), ""),
        (put("sizes", value=[]), "working size"),
        (put("sizes", 0, "name", value="../../outside"), "name"),
        (put("sizes", 0, "name", value="detail"), "one name"),
        (put("sizes", 0, "name", value=7), ""),
        (put("sizes", 0, "size", value=100), "multiple of 16"),
        (put("sizes", 0, "size", value=10**9), "working size"),
        (put("sizes", 0, "size", value=128.5), "working size"),
        (put("sizes", 0, "threshold", value=float("nan")), "threshold"),
        (put("sizes", 0, "threshold", value="half"), ""),
        (put("training_data", 0, "licence", value=["CC"]), "licence"),
        (put("training_data", 0, "photographs", value="many"), "photographs"),
        (put("training_data", value=5), ""),
        (put("evidence", value=[1]), ""),
        (put("evidence", "default", value={"hrf": "good"}), ""),
        (put("evidence", "default", value=0.7), ""),
    ],
)
def test_a_wrong_record_is_refused(
    file: Path, change: Callable[[Plain], object], said: str
) -> None:
    edited(file, change)
    refused(file, said)


def test_weights_of_another_member_are_refused(tmp_path: Path, trained: Checkpoint) -> None:
    save_checkpoint(
        replace(trained, architecture=replace(architecture_by_name("compact"), name="odd")),
        tmp_path / "x.pt",
    )
    refused(tmp_path / "x.pt", "do not fit 'odd'")


def test_fit_is_checked_without_the_architectures_memory(trained: Checkpoint) -> None:
    large = replace(
        trained.architecture, widths=(8192,) * 8, bridge=8192, blocks=8
    )  # thousands of millions of weights
    weights: dict[str, Tensor] = dict(trained.weights)
    with pytest.raises(ModelError, match="do not fit"):
        check_fit(large, weights)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", "ä", "x" * 41, "a\n"])
def test_a_working_sizes_name_is_safe_in_a_file_name(name: str) -> None:
    with pytest.raises(ModelError):
        WorkingSize(name, 512)
