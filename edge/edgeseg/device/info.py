"""Facts about the device; each is empty, 0 or None where the system does not tell."""

from __future__ import annotations

import os
import platform
import struct
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from edgeseg.device import cpu
from edgeseg.device.throttling import read_throttling
from edgeseg.fields import Fields


@dataclass(frozen=True)
class DeviceInfo:
    """The device at hand; it is not named, and no address or serial number is read.

    Attributes:
        board: as its device tree says (`Raspberry Pi 5 Model B Rev 1.0`); "" where there is none.
        cpu: model of the CPU.
        machine: `x86_64`, `aarch64`, ...
        bits: of this Python's addresses, 64 or 32.
        cores: of the machine.
        usable_cores: that this process may use.
        features: of the CPU, those in `edgeseg.device.cpu.TELLING`.
        memory_bytes: of the machine.
        os: distribution and kernel.
        governor: of the cores' frequency; several separated by commas.
        temperature_c: of the hottest sensor of the chip.
        throttling: what slows it down now, in words.
        load_average: processes that wanted to run, over the last minute.
    """

    board: str = ""
    cpu: str = ""
    machine: str = ""
    bits: int = 64
    cores: int = 0
    usable_cores: int = 0
    features: tuple[str, ...] = ()
    memory_bytes: int = 0
    os: str = ""
    governor: str = ""
    temperature_c: float | None = None
    throttling: tuple[str, ...] = ()
    load_average: float | None = None

    @property
    def name(self) -> str:
        """The board, else the CPU."""
        return self.board or self.cpu or self.machine

    def to_dict(self) -> dict[str, object]:
        """As in JSON."""
        return {"name": self.name} | {
            k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Fields) -> DeviceInfo:
        """From what `to_dict` gives; what is missing stays unknown.

        Raises:
            ValueError: a value is of the wrong kind; the message names it.
        """
        return cls(
            board=values.text("board", ""),
            cpu=values.text("cpu", ""),
            machine=values.text("machine", ""),
            bits=values.optional_whole("bits") or 64,
            cores=values.optional_whole("cores") or 0,
            usable_cores=values.optional_whole("usable_cores") or 0,
            features=values.texts("features"),
            memory_bytes=values.optional_whole("memory_bytes") or 0,
            os=values.text("os", ""),
            governor=values.text("governor", ""),
            temperature_c=values.optional_number("temperature_c", -100, 1000),
            throttling=values.texts("throttling"),
            load_average=values.optional_number("load_average"),
        )


def describe_device(root: Path = Path("/")) -> DeviceInfo:
    """The device at hand.

    Args:
        root: of the file system; another one for tests.
    """
    heat = read_throttling(root)
    return DeviceInfo(
        board=_board(root),
        cpu=cpu.cpu_model(root / "proc/cpuinfo"),
        machine=platform.machine(),
        bits=struct.calcsize("P") * 8,
        cores=os.cpu_count() or 0,
        usable_cores=cpu.usable_cores(),
        features=cpu.performance_features(root / "proc/cpuinfo"),
        memory_bytes=psutil.virtual_memory().total,
        os=_system(root),
        governor=heat.governor,
        temperature_c=heat.temperature_c,
        throttling=heat.reasons,
        load_average=_load_average(),
    )


def read_line(file: Path) -> str:
    """A small file's text without what a terminal could take for commands; "" where it cannot be read."""
    try:
        text = file.read_bytes()[:4096].decode(errors="replace")
    except OSError:
        return ""
    return "".join(letter for letter in text.strip("\0\n ") if letter.isprintable())


def _board(root: Path) -> str:
    return read_line(root / "proc/device-tree/model") or read_line(
        root / "sys/firmware/devicetree/base/model"
    )


def _system(root: Path) -> str:
    try:
        lines = (root / "etc/os-release").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    told = dict(line.split("=", 1) for line in lines if "=" in line)
    name = "".join(
        letter for letter in told.get("PRETTY_NAME", "").strip("\"'") if letter.isprintable()
    )
    return ", ".join(part for part in (name, f"{platform.system()} {platform.release()}") if part)


def _load_average() -> float | None:
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):  # Windows has none
        return None
