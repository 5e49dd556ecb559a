"""Timing of a command as a whole process."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from edgeseg_benchmarks.worker.client import RowError, child_environment


@dataclass(frozen=True)
class CommandTiming:
    """The timing of a command.

    Attributes:
        first_line_ms: time until the first line of output, or the end if there is none.
        total_ms: time until the process ended.
        output: standard output.
    """

    first_line_ms: float
    total_ms: float
    output: str


def time_command(
    command: Sequence[str], timeout_s: float, name: str = "edgeseg run"
) -> CommandTiming:
    """Run a command to its end.

    Args:
        command: program and arguments.
        timeout_s: time limit; a process that takes longer is killed.
        name: name of the command in errors.

    Raises:
        RowError: the command failed or took too long.
    """
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=child_environment()
        ) as child:
            watchdog = threading.Timer(timeout_s, child.kill)
            watchdog.start()
            try:
                assert child.stdout is not None
                line = child.stdout.readline()
                first_line = time.perf_counter() - start
                rest = child.stdout.read()
                code = child.wait()
                total = time.perf_counter() - start
            except BaseException:  # Ctrl-C may not have reached the child
                child.kill()
                raise
            finally:
                watchdog.cancel()  # otherwise this process would wait for it at its end
        if code and total >= timeout_s:
            raise RowError(f"`{name}` did not end within {timeout_s:g} s")
        if code:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").splitlines()
            reason = "".join(filter(str.isprintable, "".join(lines[-1:])))
            raise RowError(f"`{name}` failed: {reason[:300]}")
    return CommandTiming(first_line * 1e3, total * 1e3, (line + rest).decode(errors="replace"))
