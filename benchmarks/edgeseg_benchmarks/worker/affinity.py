"""The cores that the threads of a row are pinned to."""

import os
from pathlib import Path

import psutil


def fastest_cores(threads: int, root: Path = Path("/")) -> list[int]:
    """Return the fastest cores that this process may use.

    On a big.LITTLE chip core 0 is a slow one. psutil reports frequencies by cluster, not by core.

    Args:
        threads: number of cores; with more than there are, all of them.
        root: root of the file system; another one for tests.
    """
    frequencies = {}
    for core in psutil.Process().cpu_affinity() or ():
        file = root / f"sys/devices/system/cpu/cpu{core}/cpufreq/cpuinfo_max_freq"
        frequencies[core] = int(file.read_text()) if file.exists() else 0
    return sorted(frequencies, key=lambda core: (-frequencies[core], core))[:threads]


def pin(threads: int, process: int | None = None) -> None:
    """Pin a process and the threads that it starts from now on, if the system supports it.

    Args:
        threads: number of cores.
        process: identifier of the process; None for this one.
    """
    if hasattr(os, "sched_setaffinity"):  # psutil has no affinity on macOS, either
        psutil.Process(process).cpu_affinity(fastest_cores(threads))
