"""A command's peak resident size, as `/usr/bin/time` tells it.

The system counts in what the parent process held when it made this one, which in a bench is more than the command's
own. So the command is started by a process that holds little (15 MB): this module's `main`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from edgeseg_benchmarks.worker.client import RowError, die_with_parent, python
from edgeseg_benchmarks.worker.subprocess_timing import time_command

BYTES = 1 if sys.platform == "darwin" else 1024
"""In the system's unit of a resident size."""


def peak_rss(command: Sequence[str], timeout_s: float, name: str = "edgeseg run") -> float:
    """The most bytes that a command's process held; arguments as those of `spend`.

    Raises:
        RowError: it failed, or took too long, or the system does not tell.
    """
    if not hasattr(os, "wait4"):
        raise RowError("this system does not tell how much memory a process held")
    return float(
        time_command([*python("edgeseg_benchmarks.peak_rss"), *command], timeout_s, name).printed
    )


def main() -> None:
    """Run the command that the arguments name, print its peak in bytes, and end as it ended."""
    with subprocess.Popen(
        sys.argv[1:], stdout=subprocess.DEVNULL, preexec_fn=die_with_parent
    ) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    sys.stdout.write(f"{usage.ru_maxrss * BYTES}\n")
    sys.exit(child.returncode)
