"""Model files become visible together, or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path

import onnx

from edgeseg.errors import SystemSetupError
from edgeseg.models.card import ModelCard
from edgeseg.system.files import write_atomically


def add_card(model: onnx.ModelProto, card: ModelCard) -> bytes:
    """The model file's bytes, the card in its metadata; the same model and card give the same bytes."""
    described = onnx.ModelProto()
    described.CopyFrom(model)
    described.producer_name = "edgeseg"
    described.producer_version = ""
    described.doc_string = ""
    onnx.helper.set_model_props(described, card.to_metadata())
    data: bytes = described.SerializeToString(deterministic=True)
    return data


def publish_files(files: Mapping[Path, Path], stale: Collection[Path] = ()) -> None:
    """Copy every file into place; all are complete on the disk before the first appears.

    Args:
        files: where it goes, and where it lies now.
        stale: older files that no new one replaces; removed, so that no stranger lies beside the new ones.

    Raises:
        SurroundingsError: one cannot be written; then none appears, and nothing is left behind.
    """
    staged = {path.with_name(f".{path.name}.{os.getpid()}.tmp"): path for path in files}
    try:
        for temporary, path in staged.items():
            _stage(files[path].read_bytes(), temporary, path)
        for path in stale:
            _remove(path)
        for temporary, path in staged.items():
            _move(temporary, path)
    finally:
        for temporary in staged:
            temporary.unlink(missing_ok=True)


def _stage(data: bytes, temporary: Path, path: Path) -> None:
    try:
        write_atomically(temporary, data)
    except SystemSetupError as error:  # of a name that no user ever gave
        raise SystemSetupError(str(error).replace(str(temporary), str(path))) from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise SystemSetupError(
            f"{path}: did not pass, and cannot be removed ({error.strerror})"
        ) from error


def _move(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except OSError as error:
        raise SystemSetupError(
            f"{path}: cannot be written ({error.strerror}); choose another folder with -o"
        ) from error


def sha256(file: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
