"""Model files become visible together, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import onnx

from edgeseg.files import write_atomically
from edgeseg.model_card import ModelCard


def with_card(model: onnx.ModelProto, card: ModelCard) -> bytes:
    """The model file's bytes, the card in its metadata; the same model and card give the same bytes."""
    described = onnx.ModelProto()
    described.CopyFrom(model)
    described.producer_name = "edgeseg"
    described.producer_version = ""
    described.doc_string = ""
    onnx.helper.set_model_props(described, card.to_metadata())
    return described.SerializeToString(deterministic=True)


def publish(files: Mapping[Path, bytes]) -> None:
    """Move every file into place; all are complete before the first appears."""
    for path, data in files.items():
        write_atomically(path, data)


def sha256(file: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
