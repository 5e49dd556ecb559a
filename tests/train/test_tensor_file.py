"""Tensor files: rejection of damaged files and of other formats."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from edgeseg.errors import ModelError
from edgeseg_train.tensor_file import read_tensors, write_tensors

WEIGHT = torch.linspace(0, 1, 1000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_tensors({"weight": WEIGHT, "format": 1}, tmp_path / "net.pt")
    return tmp_path / "net.pt"


def assert_rejected(file: Path, fragment: str = "") -> None:
    with pytest.raises(ModelError) as error:
        read_tensors(file)
    message = str(error.value)
    assert message.startswith(str(file))
    assert message.isprintable(), message
    assert len(message) < len(str(file)) + 500
    assert fragment in message


def test_read_tensors_restores_tensors_and_values(file: Path) -> None:
    plain = read_tensors(file)
    assert plain["format"] == 1 and torch.equal(plain["weight"], WEIGHT)  # type: ignore[arg-type]


class Trap:
    """Object that creates a folder if it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("raw", [False, True])
def test_read_tensors_with_pickled_code_does_not_run_it(tmp_path: Path, raw: bool) -> None:
    mark = tmp_path / "ran"
    content = {"format": 1, "weights": Trap(mark)}
    if raw:
        (tmp_path / "x.pt").write_bytes(pickle.dumps(content))
    else:
        torch.save(content, tmp_path / "x.pt")
    assert_rejected(tmp_path / "x.pt", "pickle")
    assert not mark.exists()


def test_read_tensors_of_pickled_network_is_rejected(tmp_path: Path) -> None:
    torch.save(torch.nn.Conv2d(3, 4, 1), tmp_path / "x.pt")
    assert_rejected(tmp_path / "x.pt", "state_dict()")


def test_read_tensors_of_missing_file_is_rejected(tmp_path: Path) -> None:
    assert_rejected(tmp_path / "x.pt")
    assert_rejected(tmp_path)


def test_read_tensors_of_torchscript_is_rejected(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        torch.jit.save(torch.jit.script(torch.nn.Conv2d(3, 4, 1)), str(tmp_path / "program.pt"))
    assert_rejected(tmp_path / "program.pt", "state_dict()")


@pytest.mark.parametrize(
    "content", [b"", b"hello world, this is text\n", b"PK\x03\x04", b"\x80\x02.", bytes(1000)]
)
def test_read_tensors_of_other_format_is_rejected(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    assert_rejected(tmp_path / "x.pt")


def test_read_tensors_of_truncated_file_is_rejected(file: Path) -> None:
    data = file.read_bytes()
    for share in (0, 0.01, 0.3, 0.9, 0.999):
        file.write_bytes(data[: int(share * len(data))])
        assert_rejected(file)


def test_read_tensors_with_flipped_bit_is_rejected(file: Path) -> None:
    """Without the check, one weight would have a different value after loading."""
    data = bytearray(file.read_bytes())
    data[data.index(WEIGHT.numpy().tobytes()) + 5] ^= 1
    file.write_bytes(data)
    assert_rejected(file, "damaged")
