"""Text files: TOML, CSV, JSON, lists of inputs, and the text in the PNG file of a result."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from edgeseg.datasets.user_pairs import read_pairs
from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.file_text import insert_png_text, read_file_text
from edgeseg.models.tuning_cache import read_tuned_setups
from edgeseg.run.inputs.file_list import read_file_list
from edgeseg.run.results.provenance import Provenance, read_records, record_text
from edgeseg.run.results.record import ResultRecord
from edgeseg_benchmarks.record.bench import read_bench
from fuzz.reader import NotReadError, Reader

_BASELINE = Path(__file__).parents[2] / "baseline.json"
_STEMS = ("eye_1", "eye_2", "œil 3")
_SPLITS = 'stem,split\neye_1,train\neye_2,validation\n"œil 3",test\n'
_LIST = "a/eye_1.png\n# not a comment\n../eye_2.tif\n\n/data/œil 3.jpg\n"
_TOML = """\
fov = "grey10"
crop = "frame"
fit = "stretch"
size = 512
contrast = "clahe"
clip_limit = 2.0
tiles = 8
contrast_at = "before"
fill = 0
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
"""
_LOG = """\
step,epoch,seconds,learning_rate,loss,dice,iou,validation_loss,validation_dice,validation_iou,threshold
10,0.5,3.25,0.001,0.7,0.41,0.26,,,,
20,1,6.5,0.001,0.6,0.52,0.35,0.5,0.55,0.38,0.45
"""
_SETUP = """\
{"schema": "edgeseg/choices/2", "choices": [{"key": {"model_sha256": "%s",
"precisions": ["fp32", "int8"], "cpu": "Cortex-A76", "features": ["asimddp"], "cores": 4,
"versions": {"edgeseg": "0.1.0", "onnxruntime": "1.23.2"}}, "runtime": "onnxruntime",
"precision": "int8", "threads": 4, "measured": [{"runtime": "onnxruntime", "precision": "int8",
"threads": 4, "compute": "", "network_ms": 81.5, "ratio": 0.51, "flipped": 0.0002, "failure": ""}]}]
}
"""


def read_as(name: str, read: Callable[[Path], object], data: bytes, folder: Path) -> object:
    """Write bytes to a file with this name and read the file."""
    file = folder / name
    file.write_bytes(data)
    return read(file)


def _text_reader(name: str, file: str, text: str | bytes, load: Callable[[Path], object]) -> Reader:
    data = text if isinstance(text, bytes) else text.encode()
    return Reader(name, data, partial(read_as, file, load), text=True)


def _toml(name: str) -> Reader:
    from edgeseg_export.source import read_preprocessing  # noqa: PLC0415

    return _text_reader(name, "preprocessing.toml", _TOML, read_preprocessing)


def _splits(name: str) -> Reader:
    return _text_reader(name, "split.csv", _SPLITS, _read_splits)


def _read_splits(file: Path) -> object:
    for part in ("images", "masks"):
        for stem in _STEMS:
            image = file.parent / part / f"{stem}.png"
            image.parent.mkdir(exist_ok=True)
            image.touch()
    return [(pair.name, pair.split) for pair in read_pairs(file.parent)]


def _log(name: str) -> Reader:
    from edgeseg_train.reporting.log import read_log  # noqa: PLC0415

    return _text_reader(name, "log.csv", _LOG, partial(read_log, last_step=1000))


def _file_list(name: str) -> Reader:
    return _text_reader(name, "list.txt", _LIST, lambda file: read_file_list(str(file)))


def _bench(name: str) -> Reader:
    return _text_reader(name, "bench.json", _BASELINE.read_bytes(), read_bench)


def _setup(name: str) -> Reader:
    return _text_reader(name, "choices.json", _SETUP % ("ab" * 32), read_tuned_setups)


def make_record() -> ResultRecord:
    """Create the result record of a file that could not be decoded."""
    return ResultRecord(
        source="",
        frame=1,
        fov_index=0,
        status="failed",
        reasons=("undecodable",),
        message="œ",
        edgeseg_version="0.1.0",
        model="default",
        model_sha256="ab" * 32,
        precision="int8",
        runtime="onnxruntime",
        provider="cpu",
        threshold=0.5,
        fov_count=0,
    )


def _result_texts() -> dict[str, str]:
    provenance = Provenance("ab" * 32, "cd" * 32, "ef" * 32)
    return provenance.texts() | record_text([make_record()])


def _result_file(texts: Mapping[str, str]) -> bytes:
    return insert_png_text(encode_png(np.zeros((8, 8), np.uint8)), texts)


def _embed_record(text: bytes) -> bytes:
    texts = _result_texts()
    (key,) = (key for key in texts if key.endswith("record"))
    return _result_file(texts | {key: text.decode("latin-1")})


def _read_stored(file: Path) -> object:
    records = read_records(file)
    if records is None:
        raise NotReadError("not a record that this version supports")
    return records


def _record(name: str) -> Reader:
    (text,) = (text for key, text in _result_texts().items() if key.endswith("record"))
    read = partial(read_as, "mask.png", _read_stored)
    return Reader(name, text.encode("latin-1"), read, _embed_record, text=True)


def _read_text(file: Path) -> object:
    texts = read_file_text(file)
    if not texts:
        raise NotReadError("no text")
    return texts


def _png_text(name: str) -> Reader:
    read = partial(read_as, "mask.png", _read_text)
    return Reader(name, _result_file(_result_texts()), read)


READERS: Mapping[str, Callable[[str], Reader]] = {
    "TOML, preprocessing": _toml,
    "CSV, split.csv": _splits,
    "CSV, log.csv": _log,
    "text, list of inputs": _file_list,
    "JSON, benchmark": _bench,
    "JSON, tuning cache": _setup,
    "JSON, record in a PNG": _record,
    "PNG text": _png_text,
}
