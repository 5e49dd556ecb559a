"""What holds a device's clock down: its governor, its temperature, and what a Raspberry Pi's firmware says."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIRMWARE = {
    0: "the supply's voltage is too low",
    1: "the clock is capped",
    2: "throttled",
    3: "the soft temperature limit is reached",
}
"""Bits of `vcgencmd get_throttled` that say what holds now; 16 higher they say what has happened since the start."""


@dataclass(frozen=True)
class Throttling:
    """The clock's state; "" and None where the system does not tell.

    Attributes:
        governor: of the cores' frequency, several separated by commas.
        temperature_c: of the hottest sensor.
        reasons: why the clock is held down now, in words.
    """

    governor: str
    temperature_c: float | None
    reasons: tuple[str, ...]


def read_throttling(root: Path = Path("/")) -> Throttling:
    """As it is at this moment."""
    governors = sorted(
        {
            _text(file)
            for file in _found(root, "sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")
        }
    )
    zones = list(_found(root, "sys/class/thermal/thermal_zone*"))
    heats = [heat for zone in zones if (heat := _degrees(zone / "temp")) is not None]
    reasons = (
        *_too_hot(zones),
        *_cooled(root),
        *(from_firmware(ask_firmware()) if root == Path("/") else ()),
    )
    return Throttling(
        ",".join(filter(None, governors)), max(heats, default=None), tuple(dict.fromkeys(reasons))
    )


def ask_firmware() -> str:
    """What `vcgencmd get_throttled` prints on a Raspberry Pi; "" elsewhere."""
    program = shutil.which("vcgencmd")
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, "get_throttled"], capture_output=True, text=True, timeout=2, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return done.stdout


def from_firmware(said: str) -> Iterator[str]:
    """`throttled=0x50005` -> what holds now, in words."""
    try:
        bits = int(said.partition("=")[2].strip() or "0", 16)
    except ValueError:
        return
    yield from (f"firmware: {words}" for bit, words in FIRMWARE.items() if bits >> bit & 1)


def _too_hot(zones: list[Path]) -> Iterator[str]:
    """Zones at or above the temperature from which the kernel slows the chip down (a `passive` trip point)."""
    for zone in zones:
        heat = _degrees(zone / "temp")
        for kind in sorted(zone.glob("trip_point_*_type")):
            limit = _degrees(kind.with_name(kind.name.replace("_type", "_temp")))
            if (
                _text(kind) == "passive"
                and heat is not None
                and limit is not None
                and 0 < limit <= heat
            ):
                yield f"{_text(zone / 'type') or zone.name}: {heat:.0f} °C, slowed down from {limit:.0f} °C on"


def _cooled(root: Path) -> Iterator[str]:
    """Cooling devices that hold the cores' clock down; fans are none of them."""
    for device in _found(root, "sys/class/thermal/cooling_device*"):
        kind, state = _text(device / "type"), _text(device / "cur_state")
        if ("cpufreq" in kind or kind == "Processor") and state.isdecimal() and int(state) > 0:
            yield f"the kernel holds the clock down against heat ({kind}, step {state})"


def _found(root: Path, pattern: str) -> list[Path]:
    try:
        return sorted(root.glob(pattern))
    except OSError:
        return []


def _text(file: Path) -> str:
    try:
        text = file.read_bytes()[:200].decode(errors="replace").strip()
    except OSError:
        return ""
    return text if text.isprintable() else ""


def _degrees(file: Path) -> float | None:
    """Thousandths of a degree, as the kernel writes them -> degrees Celsius."""
    try:
        return int(_text(file)) / 1000
    except ValueError:
        return None
