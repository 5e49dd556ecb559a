"""From the start of a fresh process to its first mask: `edgeseg run` on one photograph, until it tells of the mask."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from edgeseg_benchmarks.cores import pinned
from edgeseg_benchmarks.order import Candidate
from edgeseg_benchmarks.processes import RowError, environment, python

SLOW_MS = 5000
"""From here on once is enough."""


def cold_start(candidate: Candidate, photograph: Path, timeout_s: float) -> float:
    """Milliseconds; the mask is written, the overlay is not.

    Raises:
        RowError: it failed, or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        command = [*python("edgeseg.cli"), "run", str(photograph), "-o", folder, "--no-overlay"]
        command += ["--model", str(candidate.file), "--runtime", candidate.key.runtime]
        command += ["--threads", str(candidate.key.threads)]
        with pinned(candidate.key.threads):
            return until_first_line(command, timeout_s)


def until_first_line(command: Sequence[str], timeout_s: float) -> float:
    """Milliseconds until a command prints a line; `edgeseg run` does once a mask is written, and then takes its leave.

    Raises:
        RowError: it failed, or took too long.
    """
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment()) as child:
            watchdog = threading.Timer(timeout_s, child.kill)
            watchdog.start()
            assert child.stdout is not None
            child.stdout.readline()
            took = time.perf_counter() - start
            child.stdout.read()
            code = child.wait()
            watchdog.cancel()
        if code and time.perf_counter() - start >= timeout_s:
            raise RowError(f"no mask within {timeout_s:g} s after the process started")
        if code:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").splitlines()[-1:]
            raise RowError(f"`edgeseg run` failed: {''.join(filter(str.isprintable, ''.join(lines)))[:300]}")
    return took * 1e3
