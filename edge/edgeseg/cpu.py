"""What the CPU can do, as Linux names it."""

from __future__ import annotations

import os
from pathlib import Path


def features(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Flags that every core has (`avx512_vnni`, `asimddp`, `fphp`, ...); empty where the system does not tell."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    cores = [set(line.partition(":")[2].split()) for line in lines if line.lower().startswith(("flags", "features"))]
    return frozenset(set.intersection(*cores)) if cores else frozenset()


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
