"""What makes a device's figures doubtful, or a device unfit: warnings for people."""

from __future__ import annotations

from edgeseg.device.info import DeviceInfo

BUSY = 0.5
"""Load average from which something else computes; an idle board shows 0.0 to 0.2."""


def device_warnings(device: DeviceInfo) -> tuple[str, ...]:
    """Each a sentence, with its remedy where there is one."""
    found = []
    if device.bits == 32:
        found.append(
            "this Python is a 32-bit one, for which there is no ONNX Runtime: install a 64-bit system"
        )
    if device.governor and set(device.governor.split(",")) != {"performance"}:
        found.append(
            f"the cores' governor is {device.governor}, not performance: times will vary "
            "(sudo cpupower frequency-set -g performance)"
        )
    found += [f"the clock is held down: {reason}" for reason in device.throttling]
    if device.load_average is not None and device.load_average >= BUSY:
        found.append(
            f"load average {device.load_average:.1f}: something else computes, or did a minute ago; "
            "times are only as good as the machine is quiet"
        )
    return tuple(found)
