"""Tests of the detection of files that are not checkpoints."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeseg.errors import ModelError
from edgeseg_train.file_kind import describe_foreign_file
from edgeseg_train.tensor_file import read_tensors


def make_file(kind: str, file: Path) -> None:
    stream = io.BytesIO()
    if kind == "npz":
        np.savez(stream, a=np.zeros(3))
    elif kind == "tar":
        with tarfile.open(fileobj=stream, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("net.pth"), io.BytesIO())
    elif kind == "zip":
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("net.pth", b"weights")
    elif kind == "torchscript":
        torch.jit.save(torch.jit.script(torch.nn.Conv2d(1, 1, 1)), stream)
    elif kind == "pt2":
        program = torch.export.export(torch.nn.Conv2d(1, 1, 1), (torch.zeros(1, 1, 4, 4),))
        torch.export.save(program, stream)
    elif kind == "gzip":
        stream.write(gzip.compress(b"weights"))
    elif kind == "lfs":
        stream.write(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    elif kind == "html":
        stream.write(b"\n <!DOCTYPE html><title>Sign in</title>")
    file.write_bytes(stream.getvalue())


@pytest.mark.parametrize(
    ("kind", "fragment"),
    [
        ("npz", ".npz"),
        ("tar", "tar archive"),
        ("zip", "net.pth"),
        ("torchscript", "TorchScript"),
        ("pt2", ".pt2"),
        ("gzip", "gunzip"),
        ("lfs", "git lfs pull"),
        ("html", "web page"),
        ("empty", "empty"),
    ],
)
def test_detect_file_kind_reports_kind_of_other_files(
    kind: str, fragment: str, tmp_path: Path
) -> None:
    file = tmp_path / "net.pth"
    make_file(kind, file)
    with pytest.raises(ModelError, match=r"net\.pth") as error:
        read_tensors(file)
    assert fragment in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("legacy", [False, True])
def test_detect_file_kind_of_checkpoint_is_none(legacy: bool, tmp_path: Path) -> None:
    file = tmp_path / "net.pth"
    torch.save({"a": torch.zeros(2)}, file, _use_new_zipfile_serialization=not legacy)
    assert describe_foreign_file(file) is None


def test_numpy_values_next_to_weights_are_read(tmp_path: Path) -> None:
    values = {"a": torch.zeros(2), "dice": np.float64(0.8), "history": np.array([1, 2])}
    torch.save(values, tmp_path / "net.pth")
    plain = read_tensors(tmp_path / "net.pth")
    assert plain["dice"] == 0.8
    assert isinstance(plain["history"], np.ndarray)
    assert plain["history"].tolist() == [1, 2]


def test_error_contains_class_of_pickled_object(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(2), "path": Path("x")}, tmp_path / "net.pth")
    with pytest.raises(ModelError, match="class pathlib"):
        read_tensors(tmp_path / "net.pth")
