"""Warnings about a device that is unsuitable or whose timings are unreliable."""

from edgeseg.device.info import DeviceInfo

BUSY_LOAD = 0.5
"""Load average above which other processes disturb timings; an idle board shows 0.0 to 0.2."""


def device_warnings(device: DeviceInfo) -> tuple[str, ...]:
    """Return warnings, each one sentence, with a remedy if there is one."""
    warnings = []
    if device.bits == 32:
        warnings.append(
            "this Python is 32-bit, but ONNX Runtime requires 64 bits: install a 64-bit system"
        )
    if device.governor and set(device.governor.split(",")) != {"performance"}:
        warnings.append(
            f"the CPU governor is {device.governor}, not performance: timings will vary "
            "(sudo cpupower frequency-set -g performance)"
        )
    warnings += [f"CPU throttling: {reason}" for reason in device.throttling]
    if device.load_average is not None and device.load_average >= BUSY_LOAD:
        warnings.append(
            f"load average {device.load_average:.1f}: other processes are running; "
            "timings may be unreliable"
        )
    return tuple(warnings)
