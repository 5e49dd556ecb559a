"""What the CPU can do, as Linux names it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

TELLING = (
    "avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16",
    "asimd", "fphp", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "neon",
)  # fmt: skip
"""Of the CPU's features, those that decide how fast a network is, as Linux names them."""

ARM_CORES: Mapping[str, str] = {
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd41": "Cortex-A78",
    "0xd42": "Cortex-A78AE",
    "0xd44": "Cortex-X1",
    "0xd49": "Neoverse-N2",
    "0xd4f": "Neoverse-V2",
}
"""Part numbers in /proc/cpuinfo of cores that ARM designed: those of the boards and servers that people have."""


def cpu_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Flags that every core has (`avx512_vnni`, `asimddp`, `fphp`, ...); empty where the system does not tell."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    cores = [
        set(line.partition(":")[2].split())
        for line in lines
        if line.lower().startswith(("flags", "features"))
    ]
    return frozenset(set.intersection(*cores)) if cores else frozenset()


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def performance_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """Of its features, those in `TELLING`."""
    have = cpu_features(cpuinfo)
    return tuple(feature for feature in TELLING if feature in have)


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Its name, as x86 tells it; ARM tells who designed the core and which it is."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    told = {
        key.strip().lower(): value.strip()
        for key, _, value in (line.partition(":") for line in lines)
    }
    part = told.get("cpu part", "").lower()
    name = told.get("model name", "") or ARM_CORES.get(part, f"ARM core {part}" if part else "")
    return "".join(letter for letter in name if letter.isprintable()) or platform.machine()
