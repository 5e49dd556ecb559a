"""Model files: metadata, checksum, ONNX Runtime, and one inference."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from edgeseg.models.card import read_card
from edgeseg.models.catalog import MODEL_FOLDER
from edgeseg.models.checksum import CHECKSUM_BYTES, append_checksum
from edgeseg.models.loaded_file import load_file
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg.runtimes.base import load_runtime
from fuzz.reader import Outcome, Reader
from fuzz.sample_models import make_model_file

_SIZE = 64
_VISIBLE_SHARE = 0.01


def _read_model(data: bytes, folder: Path) -> object:
    file = folder / "model.fp32.onnx"
    file.write_bytes(data)
    loaded = load_file(file)
    size = loaded.card.preprocessing.size
    runtime = load_runtime(file, size, "onnxruntime", 1, data=loaded.data)
    photo = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)
    return loaded.card, runtime.infer(photo)


def compare_models(value: object, expected: object) -> Outcome:
    """Compare card and probability.

    The outcome is `visible` if more than 1 % of mask pixels differ.
    """
    assert isinstance(value, tuple) and isinstance(expected, tuple)
    (card, probability), (other_card, other) = value, expected
    if probability.shape != other.shape:
        return "visible"
    changed = (probability > card.threshold) != (other > other_card.threshold)
    if changed.mean() > _VISIBLE_SHARE:
        return "visible"
    same = card == other_card and np.array_equal(probability, other)
    return "same" if same else "different"


def _model_reader(name: str, data: bytes, embed: Callable[[bytes], bytes] = bytes) -> Reader:
    return Reader(name, data, _read_model, embed, compare=compare_models)


def _tiny_file() -> bytes:
    return make_model_file(preprocessing_preset("edge", _SIZE))


def _with_checksum(name: str) -> Reader:
    return _model_reader(name, _tiny_file())


def _without_checksum(name: str) -> Reader:
    return _model_reader(name, _tiny_file()[:-CHECKSUM_BYTES])


def _repaired(name: str) -> Reader:
    return _model_reader(name, _tiny_file()[:-CHECKSUM_BYTES], append_checksum)


def _read_metadata(data: bytes, folder: Path) -> object:
    file = folder / "model.fp32.onnx"
    file.write_bytes(data)
    return read_card(file)


def _metadata(name: str) -> Reader:
    """Return a reader of the metadata of a shipped model file. Its input contains no network."""
    entries = read_card(MODEL_FOLDER / "lean.fp32.onnx").to_metadata()
    props = []
    for key, value in entries.items():
        prop = _field(1, key.encode()) + _field(2, value.encode())
        props.append(_field(14, prop))
    return Reader(name, b"\x08\x08" + b"".join(props), _read_metadata, text=True)


def _field(number: int, payload: bytes) -> bytes:
    """Return a length-delimited protobuf field."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(number: int) -> bytes:
    low = number & 0x7F
    return bytes([low]) if number < 0x80 else bytes([low | 0x80]) + _varint(number >> 7)


READERS: Mapping[str, Callable[[str], Reader]] = {
    "ONNX": _with_checksum,
    "ONNX, without checksum": _without_checksum,
    "ONNX, checksum repaired": _repaired,
    "ONNX, metadata": _metadata,
}
