"""Checkpoint files: restored contents, and rejection of invalid files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
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
    save_checkpoint,
)
from edgeseg_train.network.resunet import architecture_by_name, build_network
from edgeseg_train.tensor_file import read_tensors

Plain = dict[str, object]


@pytest.fixture(scope="module")
def trained() -> Checkpoint:
    """Return a checkpoint with random weights and a value in every field."""
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


def assert_rejected(file: Path, fragment: str = "") -> None:
    with pytest.raises(ModelError) as error:
        load_checkpoint(file)
    message = str(error.value)
    assert message.startswith(str(file))
    assert message.isprintable(), message
    assert len(message) < len(str(file)) + 500
    assert fragment in message


def test_load_checkpoint_restores_every_field(file: Path, trained: Checkpoint) -> None:
    loaded = load_checkpoint(file)
    assert replace(loaded, weights={}) == replace(trained, weights={})
    assert list(loaded.weights) == list(trained.weights)
    for name, weight in trained.weights.items():
        assert torch.equal(loaded.weights[name], weight)


def test_network_of_loaded_checkpoint_gives_same_logits(file: Path, trained: Checkpoint) -> None:
    photo = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(load_checkpoint(file).network()(photo), trained.network()(photo))
    assert not load_checkpoint(file).network().training


def test_network_does_not_share_weights_with_checkpoint(trained: Checkpoint) -> None:
    network = trained.network()
    with torch.no_grad():
        network.output[0].weight.zero_()  # type: ignore[index]
    assert trained.weights["output.0.weight"].any()


def test_network_of_half_precision_weights_is_fp32(tmp_path: Path, trained: Checkpoint) -> None:
    half = {
        name: weight.half() if weight.is_floating_point() else weight
        for name, weight in trained.weights.items()
    }
    save_checkpoint(replace(trained, weights=half), tmp_path / "half.pt")
    network = load_checkpoint(tmp_path / "half.pt").network()
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_save_checkpoint_leaves_no_temporary_file(file: Path, trained: Checkpoint) -> None:
    save_checkpoint(trained, file)
    assert [path.name for path in file.parent.iterdir()] == ["net.pt"]


def test_save_checkpoint_is_readable_with_weights_only(file: Path) -> None:
    assert set(torch.load(file, weights_only=True)) >= {
        "architecture",
        "weights",
        "preprocessing",
        "training_data",
    }


def test_load_checkpoint_of_damaged_file_raises_only_model_error(file: Path) -> None:
    data = file.read_bytes()
    rng = np.random.default_rng(0)
    record_start = data.index(b"data.pkl")
    for turn in range(50):
        damaged = np.frombuffer(data, np.uint8).copy()
        # Half of the changes are in the metadata record, the others are anywhere.
        start = record_start if turn % 2 else 0
        span = 3000 if turn % 2 else len(data)
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
def test_load_checkpoint_with_other_contents_is_rejected(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pt")
    assert_rejected(tmp_path / "x.pt")


def edit_record(file: Path, change: Callable[[Plain], object]) -> None:
    """Change the metadata record in a checkpoint file."""
    plain = read_tensors(file)
    change(plain)
    torch.save(plain, file)


def set_entry(*path: str | int, value: object) -> Callable[[Plain], object]:
    """Return a function that sets an entry of the record."""

    def change(plain: Plain) -> None:
        at: object = plain
        for key in path[:-1]:
            at = at[key]  # type: ignore[index]
        at[path[-1]] = value  # type: ignore[index]

    return change


BN = "encoder1_1.bn1.running_var"


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (set_entry("format", value=2), "format 2"),
        (lambda plain: plain.pop("format"), "format"),
        (lambda plain: plain.pop("weights"), "weights"),
        (lambda plain: plain.pop("sizes"), "sizes"),
        (lambda plain: plain.pop("training_data"), "training_data"),
        (set_entry("weights", BN, value=torch.full((16,), float("nan"))), "NaN"),
        (set_entry("weights", BN, value=torch.full((16,), float("inf"))), "infinite"),
        (set_entry("weights", BN, value=torch.ones(17)), f"'{BN}' is (17,), expected (16,)"),
        (set_entry("weights", BN, value=[1.0] * 16), "Tensor"),
        (set_entry("weights", BN, value=torch.ones(1).expand(10**6, 10**6)), BN),
        (set_entry("weights", BN, value=torch.ones(16, device="meta")), ""),
        (set_entry("weights", BN, value=torch.ones(16).to_sparse()), ""),
        (set_entry("weights", "more", value=torch.ones(3)), "'more' is (3,), expected none"),
        (set_entry("weights", value={}), "expected"),
        (set_entry("weights", value=[]), ""),
        (set_entry("architecture", value="tiny"), ""),
        (set_entry("architecture", "widths", value=[16, 33]), "fit"),
        (set_entry("architecture", "widths", value=[10**12]), "architecture"),
        (set_entry("architecture", "widths", value=5), ""),
        (set_entry("architecture", "blocks", value=10**12), "architecture"),
        (set_entry("architecture", "colour", value=1), "colour"),
        (set_entry("preprocessing", "size", value=float("inf")), "size"),
        (set_entry("preprocessing", "zoom", value=1), "'zoom'"),
        (set_entry("preprocessing", value=[]), ""),
        (set_entry("sizes", value=[]), "working size"),
        (set_entry("sizes", 0, "name", value="../../outside"), "outside"),
        (set_entry("sizes", 0, "name", value="detail"), "same name"),
        (set_entry("sizes", 0, "name", value=7), ""),
        (set_entry("sizes", 0, "size", value=100), "multiple of 16"),
        (set_entry("sizes", 0, "size", value=10**9), "working size"),
        (set_entry("sizes", 0, "size", value=128.5), "sizes"),
        (set_entry("sizes", 0, "threshold", value=float("nan")), "threshold"),
        (set_entry("sizes", 0, "threshold", value="half"), ""),
        (set_entry("training_data", 0, "licence", value=["CC"]), "licence"),
        (set_entry("training_data", 0, "photographs", value="many"), "photographs"),
        (set_entry("training_data", value=5), ""),
        (set_entry("evidence", value=[1]), ""),
        (set_entry("evidence", "default", value={"hrf": "good"}), ""),
        (set_entry("evidence", "default", value=0.7), ""),
        (set_entry("architecture", value=torch.zeros(3)), ""),
        (set_entry("preprocessing", value=torch.zeros(3)), ""),
        (set_entry("sizes", value=torch.zeros(3)), ""),
        (set_entry("evidence", value=torch.zeros(3)), ""),
        (set_entry("evidence", "default", value=torch.zeros(3)), ""),
    ],
)
def test_load_checkpoint_with_invalid_record_is_rejected(
    file: Path, change: Callable[[Plain], object], fragment: str
) -> None:
    edit_record(file, change)
    assert_rejected(file, fragment)


def test_load_checkpoint_with_weights_of_other_architecture_is_rejected(
    tmp_path: Path, trained: Checkpoint
) -> None:
    odd = msgspec.structs.replace(architecture_by_name("compact"), name="odd")
    save_checkpoint(replace(trained, architecture=odd), tmp_path / "x.pt")
    assert_rejected(tmp_path / "x.pt", "do not fit 'odd'")


def test_check_fit_of_huge_architecture_allocates_no_memory(trained: Checkpoint) -> None:
    # This architecture has billions of weights.
    large = msgspec.structs.replace(trained.architecture, widths=(8192,) * 8, bridge=8192, blocks=8)
    weights: dict[str, Tensor] = dict(trained.weights)
    with pytest.raises(ModelError, match="do not fit"):
        check_fit(large, weights)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", "ä", "x" * 41, "a\n"])
def test_working_size_with_unsafe_name_is_rejected(name: str) -> None:
    with pytest.raises(ModelError):
        WorkingSize(name, 512)


@pytest.mark.parametrize("version", [torch.tensor([1, 1]), torch.tensor(1), True, 1.0, "1\x1b"])
def test_load_checkpoint_rejects_other_types_of_format(file: Path, version: object) -> None:
    torch.save({**torch.load(file, weights_only=True), "format": version}, file)
    assert_rejected(file, "format")


@pytest.mark.parametrize("name", [1, None, ("a",), torch.tensor(1)])
def test_load_checkpoint_rejects_weight_names_that_are_not_text(file: Path, name: object) -> None:
    plain = torch.load(file, weights_only=True)
    plain["weights"][name] = torch.zeros(1)
    torch.save(plain, file)
    assert_rejected(file)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.bool, torch.int32, torch.int8])
def test_load_checkpoint_rejects_weights_that_are_not_real_numbers(
    file: Path, dtype: torch.dtype
) -> None:
    plain = torch.load(file, weights_only=True)
    weights = plain["weights"]
    name = next(name for name, weight in weights.items() if weight.is_floating_point())
    weights[name] = weights[name].to(dtype)
    torch.save(plain, file)
    assert_rejected(file, str(dtype))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sizes", [{"name": f"size{number}", "size": 128} for number in range(17)]),
        ("training_data", [{"name": "a\x1b[1m", "photographs": 1, "licence": "b"}]),
        ("training_data", [{"name": "a", "photographs": 1, "licence": "b" * 1001}]),
        ("training_data", [{"name": "a", "photographs": -1, "licence": "b"}]),
        ("training_data", [{"name": "a", "photographs": 1, "licence": "b"}] * 17),
        ("evidence", {"default": {"a\n": 0.5}}),
        ("evidence", {"default": {"a": float("nan")}}),
        ("evidence", {"default": {str(number): 0.5 for number in range(17)}}),
    ],
)
def test_load_checkpoint_rejects_metadata_that_a_model_file_cannot_contain(
    file: Path, key: str, value: object
) -> None:
    torch.save({**torch.load(file, weights_only=True), key: value}, file)
    assert_rejected(file)
