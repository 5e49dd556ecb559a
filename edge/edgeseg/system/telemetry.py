"""No network, ever: what the runtimes would send home is turned off before anyone imports them.

A device that holds patients' photographs opens no connection. Every package of this project imports `edgeseg` first,
and that imports this module, so no importer can forget it.
"""

from __future__ import annotations

import os
import sys


def turn_telemetry_off() -> None:
    """Before the first import of ONNX Runtime and OpenVINO."""
    # ONNX Runtime >= 1.29 for Linux reads it when it is first imported.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    # OpenVINO sends by this package, on import, unless CI=true; it does without where the import fails.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None is how an import is forbidden
