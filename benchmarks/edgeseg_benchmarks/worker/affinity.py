"""The cores that a row's threads are pinned to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def fastest(threads: int, root: Path = Path("/")) -> tuple[int, ...]:
    """As many of the cores that this process may use, the fastest first: on a big.LITTLE chip core 0 is a slow one.

    Args:
        threads: how many; with more than there are cores, all.
        root: of the file system; another one for tests.
    """
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return tuple(sorted(usable, key=lambda core: (-_clock(core, root), core))[:threads])


def pin(threads: int) -> None:
    """Keep this process, and the threads that it starts from now on, on these cores; where the system can."""
    cores = fastest(threads)
    if cores:
        os.sched_setaffinity(0, cores)


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Processes that are started meanwhile inherit these cores."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    pin(threads)
    try:
        yield
    finally:
        if before:
            os.sched_setaffinity(0, before)


def _clock(core: int, root: Path) -> int:
    try:
        return int(
            (root / f"sys/devices/system/cpu/cpu{core}/cpufreq/cpuinfo_max_freq").read_text()
        )
    except (OSError, ValueError):
        return 0
