"""Telemetry of the inference runtimes: it is turned off before they are imported.

A device that stores patients' photographs opens no network connection. Every package of this
project imports `edgeseg` first, which imports this module.
"""

import os
import sys


def turn_telemetry_off() -> None:
    """Turn telemetry off. Call it before the first import of ONNX Runtime and OpenVINO."""
    # ONNX Runtime >= 1.29 on Linux reads this variable when it is imported.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    # OpenVINO sends data through this package on import, unless CI=true. The entry None makes
    # the import fail, and OpenVINO continues without it.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
