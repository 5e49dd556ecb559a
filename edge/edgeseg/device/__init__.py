"""Facts about the device for `edgeseg bench` and `edgeseg doctor`."""

from edgeseg.device.info import DeviceInfo, describe_device, device_warnings
from edgeseg.device.versions import installed_versions, package_warnings

__all__ = [
    "DeviceInfo",
    "describe_device",
    "device_warnings",
    "installed_versions",
    "package_warnings",
]
