"""Serialize model files and publish them together."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path

import onnx

from edgeseg.models.card import ModelCard
from edgeseg.system.files import commit, temporary_beside, write_errors_named


def serialize_graph(model: onnx.ModelProto) -> bytes:
    """Return the bytes of a model file without metadata; equal models give identical bytes."""
    bare = deepcopy(model)
    bare.producer_name = "edgeseg"
    bare.producer_version = ""
    bare.doc_string = ""
    del bare.metadata_props[:]
    return bytes(bare.SerializeToString(deterministic=True))


def serialize_card(card: ModelCard) -> bytes:
    """Return metadata to append to the bytes of `serialize_graph`.

    Protobuf merges concatenated messages, so that the graph need not be written again.
    """
    metadata = onnx.ModelProto()
    onnx.helper.set_model_props(metadata, card.to_metadata())
    return bytes(metadata.SerializeToString(deterministic=True))


def add_card(model: onnx.ModelProto, card: ModelCard) -> bytes:
    """Return the bytes of a model file with its metadata."""
    return serialize_graph(model) + serialize_card(card)


def publish_files(files: Mapping[Path, Path], stale: Collection[Path] = ()) -> None:
    """Copy files to their final paths. All are complete on the disk before the first appears.

    Args:
        files: source file by final path.
        stale: outdated files without replacement; removed.

    Raises:
        SystemSetupError: a file cannot be written; then none appears, and no temporary file
            is left.
    """
    with ExitStack() as stack:
        temporaries = {}
        for path, source in files.items():
            with write_errors_named(path):
                temporary, stream = stack.enter_context(temporary_beside(path))
                stream.write(source.read_bytes())
                stream.flush()
                os.fsync(stream.fileno())
            temporaries[path] = (temporary, stream)
        for path in stale:
            with write_errors_named(path):
                path.unlink(missing_ok=True)
        for path, (temporary, stream) in temporaries.items():
            with write_errors_named(path):
                commit(temporary, stream, path)


def file_sha256(file: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
