"""CPU throttling: governor, temperature, and the firmware state of a Raspberry Pi."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FIRMWARE_BITS = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit reached",
}
"""Bits of `vcgencmd get_throttled` for the current state. The bits that are 16 positions higher
describe the time since boot."""


class Throttling(NamedTuple):
    """State of the CPU clock. A value that the system does not provide is "" or None.

    Attributes:
        governor: frequency governor of the cores; several are separated by commas.
        temperature_c: temperature of the hottest sensor in degrees Celsius.
        reasons: reasons why the CPU is currently throttled, as text.
    """

    governor: str
    temperature_c: float | None
    reasons: tuple[str, ...]


def read_throttling(root: Path = Path("/")) -> Throttling:
    """Read the current state.

    Args:
        root: root of the file system; tests use another folder.
    """
    governor_files = sorted(root.glob("sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"))
    governors = {read_line(file) for file in governor_files}
    zones = sorted(root.glob("sys/class/thermal/thermal_zone*"))
    temperatures = [read_celsius(zone / "temp") for zone in zones]
    reasons = [*_hot_zones(zones), *_active_cooling(root)]
    if root == Path("/"):
        reasons += parse_firmware_state(query_firmware())
    return Throttling(
        governor=",".join(sorted(governors - {""})),
        temperature_c=max((t for t in temperatures if t is not None), default=None),
        reasons=tuple(dict.fromkeys(reasons)),
    )


def query_firmware() -> str:
    """Return the output of `vcgencmd get_throttled` on a Raspberry Pi; "" on other devices."""
    program = shutil.which("vcgencmd")
    if program is None:
        return ""
    try:
        return subprocess.check_output([program, "get_throttled"], text=True, timeout=2)
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""


def parse_firmware_state(output: str) -> list[str]:
    """Return the current reasons in an output such as `throttled=0x50005`, as text."""
    try:
        bits = int(output.partition("=")[2].strip() or "0", 16)
    except ValueError:
        return []
    return [f"firmware: {name}" for bit, name in FIRMWARE_BITS.items() if bits >> bit & 1]


def _hot_zones(zones: list[Path]) -> Iterator[str]:
    """Yield the thermal zones above a `passive` trip point, where the kernel throttles the CPU."""
    for zone in zones:
        temperature = read_celsius(zone / "temp")
        for type_file in sorted(zone.glob("trip_point_*_type")):
            limit = read_celsius(type_file.with_name(type_file.name.replace("_type", "_temp")))
            is_passive = read_line(type_file) == "passive"
            if temperature and limit and is_passive and 0 < limit <= temperature:
                name = read_line(zone / "type") or zone.name
                yield f"{name} is at {temperature:.0f} °C (limit {limit:.0f} °C)"


def _active_cooling(root: Path) -> Iterator[str]:
    """Yield the active cooling devices that lower the CPU clock; fans are excluded."""
    for device in sorted(root.glob("sys/class/thermal/cooling_device*")):
        kind = read_line(device / "type")
        state = read_line(device / "cur_state")
        if ("cpufreq" in kind or kind == "Processor") and state.isdecimal() and int(state) > 0:
            yield f"the kernel has lowered the CPU clock because of heat ({kind}, step {state})"


def read_line(file: Path) -> str:
    """Return the printable characters of a small file; "" if it cannot be read."""
    try:
        text = file.read_bytes()[:4096].decode(errors="replace")
    except OSError:
        return ""
    return "".join(filter(str.isprintable, text)).strip()


def read_celsius(file: Path) -> float | None:
    """Return a temperature in degrees Celsius, or None if the file contains no number.

    The kernel reports thousandths of a degree.
    """
    try:
        return int(read_line(file)) / 1000
    except ValueError:
        return None
