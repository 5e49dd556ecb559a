"""What is known of the device at hand, as `edgeseg bench` and `edgeseg doctor` tell it."""

from __future__ import annotations

from edgeseg.device.health import troubles
from edgeseg.device.info import Device, describe
from edgeseg.device.versions import versions

__all__ = ["Device", "describe", "troubles", "versions"]
