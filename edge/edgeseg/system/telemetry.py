"""Disabling of the telemetry of ONNX Runtime and OpenVINO before they are imported.

A device with photographs of patients should not open network connections. Every package of this
project first imports `edgeseg`, which imports this module.
"""

import os
import sys


def turn_telemetry_off() -> None:
    """Disable telemetry. Call this before the first import of ONNX Runtime and OpenVINO."""
    # ONNX Runtime 1.29 and later reads this variable on import (Linux).
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    # On import, OpenVINO sends data with this package unless CI=true. With this entry, the import
    # of the package fails. OpenVINO works without the package.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
