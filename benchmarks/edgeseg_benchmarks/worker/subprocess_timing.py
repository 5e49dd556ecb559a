"""Timing of a command, from the start of its process to the end."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import NamedTuple

from edgeseg_benchmarks.worker.affinity import pin
from edgeseg_benchmarks.worker.client import RowError, child_environment, time_limit


class CommandTiming(NamedTuple):
    """Milliseconds until a command printed its first line, and until its process ended."""

    first_line_ms: float
    total_ms: float


def time_command(
    command: Sequence[str], timeout_s: float, name: str = "edgeseg run", threads: int | None = None
) -> CommandTiming:
    """Run a command to its end.

    Args:
        command: program and arguments.
        timeout_s: time limit; a process that takes longer is killed.
        name: name of the command in errors.
        threads: number of cores to pin the process to; None for those of this process.

    Raises:
        RowError: the command failed or took too long.
    """
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=child_environment()
        ) as child:
            assert child.stdout is not None
            if threads is not None:
                pin(threads, child.pid)
            with time_limit(child, timeout_s):
                child.stdout.readline()
                first_line = time.perf_counter() - start
                child.stdout.read()
                code = child.wait()
                total = time.perf_counter() - start
        if code and total >= timeout_s:
            raise RowError(f"`{name}` did not end within {timeout_s:g} s")
        if code:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").splitlines()
            raise RowError(f"`{name}` failed: {''.join(lines[-1:])[:300]}")
    return CommandTiming(first_line * 1e3, total * 1e3)
