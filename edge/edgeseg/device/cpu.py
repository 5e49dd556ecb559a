"""Features and name of the CPU, from /proc/cpuinfo."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")

PERFORMANCE_FEATURES = (
    "avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile",
    "amx_int8", "amx_bf16", "asimd", "fphp", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "neon",
)  # fmt: skip
"""CPU features that influence the speed of a network, as Linux names them."""

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
"""Names of Arm cores in common boards and servers. The key is the part number in /proc/cpuinfo."""


def cpu_features(cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """Return the features that all cores have (`avx512_vnni`, `asimddp`, `fphp`, ...).

    Args:
        cpuinfo: file to read, for tests.

    Returns:
        Feature names of Linux; empty if the system does not provide them.
    """
    entries = _read_cpuinfo(cpuinfo)
    cores = [frozenset(value.split()) for key, value in entries if key in ("flags", "features")]
    return frozenset.intersection(*cores) if cores else frozenset()


def performance_features(cpuinfo: Path = CPUINFO) -> tuple[str, ...]:
    """Return the features in `PERFORMANCE_FEATURES` that the CPU has, in the same order."""
    available = cpu_features(cpuinfo)
    return tuple(feature for feature in PERFORMANCE_FEATURES if feature in available)


def cpu_model(cpuinfo: Path = CPUINFO) -> str:
    """Return the name of the CPU, or on Arm the name of the core."""
    values = dict(_read_cpuinfo(cpuinfo))
    name = values.get("model name", "")
    part = values.get("cpu part", "").lower()
    if not name and part:
        name = ARM_CORES.get(part, f"ARM core {part}")
    return "".join(filter(str.isprintable, name)) or platform.processor() or platform.machine()


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read_cpuinfo(cpuinfo: Path) -> list[tuple[str, str]]:
    """Return lower-case keys and their values in the order of the file."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return []
    parts = [line.partition(":") for line in lines]
    return [(key.strip().lower(), value.strip()) for key, _, value in parts]
