"""The cores that the threads of a row are pinned to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def fastest_cores(threads: int, root: Path = Path("/")) -> tuple[int, ...]:
    """Return the fastest cores that this process may use.

    On a big.LITTLE chip core 0 is a slow one. psutil reports frequencies by cluster, not by core.

    Args:
        threads: number of cores; with more than there are, all of them.
        root: root of the file system; another one for tests.
    """
    frequencies = {}
    for core in sorted(os.sched_getaffinity(0)):
        file = root / f"sys/devices/system/cpu/cpu{core}/cpufreq/cpuinfo_max_freq"
        frequencies[core] = int(file.read_text()) if file.exists() else 0
    return tuple(sorted(frequencies, key=lambda core: -frequencies[core])[:threads])


def pin(threads: int) -> None:
    """Pin this process and the threads that it starts from now on, if the system supports it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, fastest_cores(threads))


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Pin this process for the duration of a block; processes that it starts inherit the cores."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    pin(threads)
    try:
        yield
    finally:
        if before is not None:
            os.sched_setaffinity(0, before)
