"""Process that reads mutated inputs.

If the process crashes, hangs or exhausts its memory, the parent process detects this.

    python -m fuzz.worker READER SEED FIRST INPUTS SECONDS PROGRESS

The number of the current input is written to the file PROGRESS. Reports are printed as JSON lines.
"""

import mmap
import os
import random
import resource
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec

from edgeseg.errors import EdgesegError
from fuzz.mutators import mutate
from fuzz.reader import Outcome, Reader
from fuzz.readers import build_reader

MAX_MEMORY_BYTES = 1_000_000_000
"""Maximum number of bytes that memory may grow while one input is read."""

NUMBER_FORMAT = "<q"
NOT_STARTED = -1
"""Value that a worker reports instead of an input number while it imports libraries."""

_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - in memory, faster
_BACKSTOP_BYTES = 6_000_000_000
_REPORT_S = 1.0


class Finding(msgspec.Struct):
    """Input with an unacceptable outcome.

    Attributes:
        number: number of the input.
        mutation: name of the mutation.
        detail: description, such as a traceback.
    """

    number: int
    mutation: str
    detail: str


class Report(msgspec.Struct):
    """Results of a worker since its previous report.

    Attributes:
        next_number: number of the next input to read.
        counts: dict from `MUTATION OUTCOME` to the number of inputs.
        slowest_s: longest time of one input in seconds.
        findings: inputs with the outcome `finding`.
    """

    next_number: int
    counts: dict[str, int]
    slowest_s: float
    findings: list[Finding]


class Task(NamedTuple):
    """Inputs to read: at most `inputs`, for at most `seconds`."""

    reader: str
    seed: int
    first: int
    inputs: int
    seconds: float


def make_input(reader: Reader, seed: int, number: int) -> tuple[str, bytes]:
    """Return the mutation and the bytes of an input. Equal arguments give equal bytes."""
    rng = random.Random(f"{seed} {reader.name} {number}")  # noqa: S311 - not for cryptography
    mutation, content = mutate(reader.data, reader.others, rng, reader.text)
    return mutation, reader.embed(content)


def read_input(reader: Reader, data: bytes, expected: object, folder: Path) -> tuple[Outcome, str]:
    """Read an input, and return the outcome and the description of a finding."""
    peak = _peak_bytes()
    detail = ""
    try:
        outcome = reader.compare(reader.read(data, folder), expected)
    except EdgesegError as error:
        outcome = "error"
        if not str(error).strip():
            outcome, detail = "finding", f"an error without a message: {error!r}"
    except Exception:  # any other exception is a bug
        outcome, detail = "finding", traceback.format_exc()
    used = _peak_bytes() - peak
    if used > MAX_MEMORY_BYTES:
        outcome, detail = "finding", f"memory: {used / 1e6:.0f} MB"
    return outcome, detail


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def read_inputs(task: Task, folder: Path, progress: mmap.mmap) -> None:
    """Read the inputs of a task and print reports.

    The process ends after an input that uses too much memory. The measured value is the peak
    memory, which never decreases.
    """
    reader = build_reader(task.reader)
    expected = reader.read(reader.embed(reader.data), folder)
    end = time.monotonic() + task.seconds
    report = Report(task.first, {}, 0.0, [])
    counts: Counter[str] = Counter()
    reported = start = time.monotonic()
    for number in range(task.first, task.first + task.inputs):
        struct.pack_into(NUMBER_FORMAT, progress, 0, number)
        mutation, data = make_input(reader, task.seed, number)
        outcome, detail = read_input(reader, data, expected, folder)
        counts[f"{mutation} {outcome}"] += 1
        now = time.monotonic()
        report.slowest_s = max(report.slowest_s, now - start)
        report.next_number = number + 1
        start = now
        if outcome == "finding":
            report.findings.append(Finding(number, mutation, detail))
        if now - reported > _REPORT_S or detail:
            _send(report, counts)
            report = Report(number + 1, {}, 0.0, [])
            reported = now
            counts.clear()
        if now > end or detail.startswith("memory"):
            break
    _send(report, counts)


def _send(report: Report, counts: Counter[str]) -> None:
    report.counts = dict(counts)
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Read the inputs specified by the arguments."""
    *arguments, progress_file = sys.argv[1:]
    task = msgspec.convert(arguments, Task, strict=False)
    with open(progress_file, "r+b") as file:  # noqa: PTH123
        progress = mmap.mmap(file.fileno(), struct.calcsize(NUMBER_FORMAT))
    memory = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (memory + _BACKSTOP_BYTES,) * 2)
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_FOLDER) as folder:
        read_inputs(task, Path(folder), progress)


if __name__ == "__main__":
    os.environ["EDGESEG_CHOICES"] = ""
    main()
