"""Manifests and the files of a batch job."""

import gzip
import hashlib
import io
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from edgeseg.batch.job import JOB_NAME, JobFile, JobModel, JobOptions, read_job
from edgeseg.batch.job_input import InputFile, JobInput, encode_inputs
from edgeseg.batch.manifest import read_manifest
from edgeseg.batch.manifest_table import ManifestColumn
from edgeseg.batch.parts import PartEntry, parts_folder, read_entries
from fuzz.reader import NotReadError, Reader
from fuzz.readers.tables import make_record, read_as

_ROWS = 3
_MANIFEST = """\
path,eye,um_per_px,age,note
eye_1.png,left,7.5,61,"first, visit"
sub/eye_2.png,R,,,=1+1
œil 3.tif,,7.25,40,
"""


def _manifest(name: str) -> Reader:
    read = partial(read_as, "manifest.csv", read_manifest)
    return Reader(name, _MANIFEST.encode(), read, text=True)


def _parquet(name: str) -> Reader:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    columns = {"path": ["eye_1.png", "eye_2.png"], "eye": ["left", None], "age": [61, 40]}
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, compression="zstd")
    read = partial(read_as, "manifest.parquet", read_manifest)
    return Reader(name, file.getvalue(), read)


def _job(name: str) -> Reader:
    model = JobModel("default", "lean", "ab" * 32, "int8", "onnxruntime", "cpu", 1, 0.5)
    job = JobFile(
        input="/data",
        options=JobOptions(measures=True, um_per_px=7.5, table="/data/table.csv"),
        model=model,
        count=_ROWS,
        task_size=2,
        inputs_sha256="cd" * 32,
        columns=(ManifestColumn("age", "int64"),),
    )
    data = msgspec.json.format(msgspec.json.encode(job), indent=2)
    return Reader(name, data, partial(read_as, JOB_NAME, _read_job), text=True)


def _read_job(file: Path) -> object:
    job = read_job(file.parent)
    if job is None:
        raise NotReadError("no job")
    return job


def _inputs(name: str) -> Reader:
    """Return a reader of a job's inputs. The job contains the digest of the mutated bytes."""
    inputs = []
    for number in range(_ROWS):
        values = (f"eye {number}", 60 + number, None)
        inputs.append(JobInput(f"{number}.png", f"/data/{number}.png", f"{number}", values=values))
    read = partial(read_as, "inputs.jsonl", _read_inputs)
    return Reader(name, encode_inputs(inputs), read, text=True)


def _read_inputs(file: Path) -> object:
    return list(InputFile(file, hashlib.sha256(file.read_bytes()).hexdigest()))


def _part_lines() -> bytes:
    entries = [PartEntry(number, (make_record(),)) for number in range(_ROWS)]
    return msgspec.json.Encoder().encode_lines(entries)


def _compress(lines: bytes) -> bytes:
    return gzip.compress(lines, 1, mtime=0)


def _read_part(data: bytes, folder: Path) -> object:
    file = parts_folder(folder) / "000000" / f"{0:08}-{_ROWS:08}.jsonl.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return list(read_entries(folder))


def _part(name: str) -> Reader:
    return Reader(name, _compress(_part_lines()), _read_part)


def _part_text(name: str) -> Reader:
    return Reader(name, _part_lines(), _read_part, _compress, text=True)


READERS: Mapping[str, Callable[[str], Reader]] = {
    "CSV, manifest": _manifest,
    "Parquet, manifest": _parquet,
    "JSON, job file": _job,
    "JSON, list of a job's inputs": _inputs,
    "part file of a job": _part,
    "part file of a job, lines": _part_text,
}
