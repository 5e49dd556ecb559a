"""Facts about the device (board, CPU, memory, operating system, clock), and warnings."""

import platform
import struct
from pathlib import Path

import msgspec
import psutil

from edgeseg.device import cpu
from edgeseg.device.throttling import read_line, read_throttling

BUSY_LOAD = 0.5
"""Load average above which other processes affect timings. An idle board has 0.0 to 0.2."""


class DeviceInfo(msgspec.Struct, frozen=True):
    """Facts about a device.

    A value that the system does not provide is empty, 0 or None. Host name, addresses and serial
    numbers are not included.

    Attributes:
        board: name in the device tree (`Raspberry Pi 5 Model B Rev 1.0`).
        cpu: name of the CPU.
        machine: architecture (`x86_64`, `aarch64`, ...).
        bits: address size of this Python, 64 or 32.
        cores: number of logical cores.
        usable_cores: number of cores that the process may use.
        features: features in `edgeseg.device.cpu.PERFORMANCE_FEATURES` that the CPU has.
        memory_bytes: total memory in bytes.
        os: distribution and kernel.
        governor: frequency governor of the cores; several are separated by commas.
        temperature_c: temperature of the hottest sensor in degrees Celsius.
        throttling: reasons why the CPU is currently throttled, as text.
        load_average: load average of the last minute.
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
        """Name of the board; name of the CPU if the board is unknown."""
        return self.board or self.cpu or self.machine

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON, with `name`."""
        return {"name": self.name, **msgspec.to_builtins(self)}


def describe_device(root: Path = Path("/")) -> DeviceInfo:
    """Collect the facts about this device.

    Args:
        root: root of the file system; tests use another folder.
    """
    throttling = read_throttling(root)
    cpuinfo = root / "proc/cpuinfo"
    device_tree = read_line(root / "proc/device-tree/model")
    return DeviceInfo(
        board=device_tree or read_line(root / "sys/firmware/devicetree/base/model"),
        cpu=cpu.cpu_model(cpuinfo),
        machine=platform.machine(),
        bits=struct.calcsize("P") * 8,
        cores=psutil.cpu_count() or 0,
        usable_cores=cpu.usable_cores(),
        features=cpu.performance_features(cpuinfo),
        memory_bytes=psutil.virtual_memory().total,
        os=_describe_os(),
        governor=throttling.governor,
        temperature_c=throttling.temperature_c,
        throttling=throttling.reasons,
        load_average=psutil.getloadavg()[0],
    )


def device_warnings(device: DeviceInfo) -> tuple[str, ...]:
    """Return warnings of one sentence each, with a remedy if possible."""
    warnings = []
    if device.bits == 32:
        warnings.append(
            "this Python is 32-bit, but ONNX Runtime requires 64 bits: install a 64-bit system"
        )
    if device.governor and set(device.governor.split(",")) != {"performance"}:
        warnings.append(
            f"the CPU governor is {device.governor} instead of performance: timings may vary "
            "(sudo cpupower frequency-set -g performance)"
        )
    warnings += [f"CPU throttling: {reason}" for reason in device.throttling]
    if device.load_average is not None and device.load_average >= BUSY_LOAD:
        warnings.append(
            f"load average {device.load_average:.1f}: other processes are running; "
            "timings may be unreliable"
        )
    return tuple(warnings)


def _describe_os() -> str:
    kernel = f"{platform.system()} {platform.release()}"
    try:
        distribution = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return kernel
    return "".join(filter(str.isprintable, f"{distribution}, {kernel}"))
