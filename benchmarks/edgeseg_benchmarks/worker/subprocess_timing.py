"""A command as a whole process: how long it takes, and how it failed."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from edgeseg_benchmarks.worker.client import RowError, environment


@dataclass(frozen=True)
class CommandTiming:
    """What a command took, and what it said.

    Attributes:
        first_line_ms: until it printed a line, or ended without one.
        whole_ms: until its process had ended.
        printed: its standard output.
    """

    first_line_ms: float
    whole_ms: float
    printed: str


def time_command(
    command: Sequence[str], timeout_s: float, name: str = "edgeseg run"
) -> CommandTiming:
    """Run a command to its end.

    Args:
        command: its words, the program first.
        timeout_s: a process that takes longer is killed.
        name: of the command, for errors.

    Raises:
        RowError: it failed, or took too long.
    """
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=environment()
        ) as child:
            watchdog = threading.Timer(timeout_s, child.kill)
            watchdog.start()
            try:
                assert child.stdout is not None
                line = child.stdout.readline()
                first = time.perf_counter() - start
                rest = child.stdout.read()
                code = child.wait()
                whole = time.perf_counter() - start
            except BaseException:  # Ctrl-C: it may not have reached the child
                child.kill()
                raise
            finally:
                watchdog.cancel()  # or the bench would wait for it at its end
        if code and whole >= timeout_s:
            raise RowError(f"`{name}` did not end within {timeout_s:g} s")
        if code:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").splitlines()[-1:]
            raise RowError(
                f"`{name}` failed: {''.join(filter(str.isprintable, ''.join(lines)))[:300]}"
            )
    return CommandTiming(first * 1e3, whole * 1e3, (line + rest).decode(errors="replace"))
