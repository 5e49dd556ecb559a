"""Start workers, and restart them after a crash or a hang."""

import select
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from edgeseg_benchmarks.worker.process import child_environment
from fuzz.reader import Outcome
from fuzz.readers import build_reader
from fuzz.worker import NOT_STARTED, NUMBER_FORMAT, Finding, Report, Task, make_input

MAX_SECONDS = 60.0
"""Seconds after which an input counts as a hang.

The limit is high, because other programs may use the CPU.
"""

WORKER = "fuzz.worker"
"""Module to run for each reader."""

_POLL_S = 0.5
_START_S = 600.0  # the import of torch takes seconds
_MAX_ERROR_CHARACTERS = 4000


@dataclass
class ReaderResult:
    """Results of one reader.

    Attributes:
        reader: name of the reader.
        counts: dict from mutation and outcome to the number of inputs.
        slowest_s: longest time of one input in seconds.
        findings: inputs with an unacceptable outcome.
    """

    reader: str
    counts: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    slowest_s: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    def add(self, report: Report) -> None:
        """Add a worker's report."""
        for key, count in report.counts.items():
            mutation, outcome = key.split()
            self.counts[mutation, outcome] += count  # type: ignore[index]
        self.slowest_s = max(self.slowest_s, report.slowest_s)
        self.findings += report.findings

    def count(self, *outcomes: Outcome, mutation: str | None = None) -> int:
        """Return the number of inputs with one of these outcomes (by default, any outcome)."""
        total = 0
        for (name, outcome), count in self.counts.items():
            if mutation in {None, name} and (not outcomes or outcome in outcomes):
                total += count
        return total


def run_reader(task: Task, findings: Path) -> ReaderResult:
    """Read mutated inputs with one reader.

    Args:
        task: inputs to read.
        findings: folder for the inputs with findings.
    """
    result = ReaderResult(task.reader)
    end = time.monotonic() + task.seconds
    last = task.first + task.inputs
    while task.first < last and (left := end - time.monotonic()) > 0:
        task = task._replace(inputs=last - task.first, seconds=left)
        task = task._replace(first=_run_worker(task, result))
    for finding in result.findings:
        _save(task, finding, findings)
    return result


def _run_worker(task: Task, result: ReaderResult) -> int:
    """Run a worker until it ends, and return the number of the next input."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, tempfile.TemporaryFile() as errors:
        progress = Path(folder, "progress")
        progress.write_bytes(struct.pack(NUMBER_FORMAT, NOT_STARTED))
        arguments = [*map(str, task), str(progress)]
        with subprocess.Popen(
            [sys.executable, "-m", WORKER, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=child_environment(1),
        ) as child:
            assert child.stdout is not None
            next_number = _watch(child, child.stdout, progress, task.first, result)
        if child.returncode == 0:
            return next_number
        number = _read_number(progress)
        if number == NOT_STARTED:
            errors.seek(0)
            raise RuntimeError(f"{task.reader}: the worker failed\n{errors.read().decode()}")
        errors.seek(0)
        text = errors.read().decode(errors="replace")[-_MAX_ERROR_CHARACTERS:]
    mutation, _ = make_input(build_reader(task.reader), task.seed, number)
    detail = f"exit code {child.returncode}\n{text}"
    finding = Finding(number, mutation, detail)
    result.add(Report(number + 1, {f"{mutation} finding": 1}, 0.0, [finding]))
    return number + 1


def _watch(
    child: subprocess.Popen[bytes],
    stream: IO[bytes],
    progress: Path,
    number: int,
    result: ReaderResult,
) -> int:
    """Collect the reports of a worker, and kill it if an input takes too long."""
    # The time is counted in polls, because this process may also be suspended.
    current, waited = NOT_STARTED, 0.0
    while True:
        if select.select([stream], [], [], _POLL_S)[0]:
            line = stream.readline()
            if not line:
                return number
            report = msgspec.json.decode(line, type=Report)
            result.add(report)
            number = report.next_number
        previous, current = current, _read_number(progress)
        waited = 0.0 if current != previous else waited + _POLL_S
        limit = _START_S if current == NOT_STARTED else MAX_SECONDS
        if waited > limit:
            child.kill()


def _read_number(progress: Path) -> int:
    return int(struct.unpack(NUMBER_FORMAT, progress.read_bytes())[0])


def _save(task: Task, finding: Finding, folder: Path) -> None:
    """Write the input and the description of a finding."""
    folder.mkdir(parents=True, exist_ok=True)
    reader = build_reader(task.reader)
    name = f"{task.reader}-{task.seed}-{finding.number}".replace(" ", "_").replace(",", "")
    (folder / f"{name}.bin").write_bytes(make_input(reader, task.seed, finding.number)[1])
    text = f"{task.reader}, seed {task.seed}, {finding.mutation}\n{finding.detail}\n"
    (folder / f"{name}.txt").write_text(text)
