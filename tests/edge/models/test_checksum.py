"""Checksum of a model file: writing and verification."""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

import pytest

from edgeseg import Segmenter
from edgeseg.errors import ModelError
from edgeseg.models.catalog import MODEL_FOLDER
from edgeseg.models.checksum import CHECKSUM_BYTES, CHECKSUM_KEY, append_checksum
from edgeseg.models.loaded_file import load_file
from edgeseg.models.onnx_metadata import read_metadata

SHIPPED = sorted(MODEL_FOLDER.glob("*.onnx"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_shipped_file_has_the_documented_checksum(file: Path) -> None:
    data = file.read_bytes()
    with file.open("rb") as stream:
        value = read_metadata(stream)[CHECKSUM_KEY]
    assert data.count(value.encode()) == 1
    zeroed = data.replace(value.encode(), b"0" * 64)
    assert hashlib.sha256(zeroed).hexdigest() == value
    assert append_checksum(data[:-CHECKSUM_BYTES]) == data
    loaded = load_file(file)
    assert loaded.has_checksum
    assert loaded.data == data
    assert loaded.sha256 == hashlib.sha256(data).hexdigest()


def test_load_file_rejects_every_flipped_bit_or_reports_the_missing_checksum(
    tiny_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tiny_model.read_bytes()
    random_source = random.Random(4)
    positions = [random_source.randrange(len(data)) for _ in range(300)]
    positions += range(len(data) - CHECKSUM_BYTES, len(data))
    for position in positions:
        damaged = bytearray(data)
        damaged[position] ^= 1 << random_source.randrange(8)
        file = tmp_path / f"{position}.onnx"
        file.write_bytes(damaged)
        caplog.clear()
        try:
            loaded = load_file(file)
        except ModelError as error:
            assert str(file) in str(error)
        else:  # the name of the key was damaged; the network is intact
            assert position >= len(data) - CHECKSUM_BYTES
            assert not loaded.has_checksum
            assert str(file) in caplog.text


def test_load_file_without_checksum_is_reported_once(
    tiny_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "old.onnx"
    file.write_bytes(tiny_model.read_bytes()[:-CHECKSUM_BYTES])
    for _ in range(2):
        assert not load_file(file).has_checksum
    assert caplog.text.count(str(file)) == 1


def test_segmenter_uses_one_version_of_a_replaced_file(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.onnx"
    shutil.copy(tiny_model, file)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    load = load_file

    def load_and_replace(path: Path) -> object:
        loaded = load(path)
        path.write_bytes(b"another file")
        return loaded

    monkeypatch.setattr("edgeseg.segmenter.load_file", load_and_replace)
    segmenter = Segmenter(file, runtime="onnxruntime", threads=1)
    assert segmenter.model_sha256 == sha256
    assert segmenter.card.name == "tiny"
