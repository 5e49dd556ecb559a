"""Retinal vessel segmentation on the device. `from edgeseg import Segmenter` is all that a program needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edgeseg.errors import EdgesegError

# A device that holds patients' photographs opens no connection. ONNX Runtime >= 1.29 reads this when it is first
# imported, and all of this project's packages import this one first.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
__all__ = ["EdgesegError", "Segmentation", "Segmenter", "__version__"]

if TYPE_CHECKING:
    from edgeseg.segmenter import Segmentation, Segmenter


def __getattr__(name: str) -> object:
    """`Segmenter` and `Segmentation` load NumPy, OpenCV and ONNX Runtime, so they come when they are asked for."""
    if name in {"Segmenter", "Segmentation"}:
        from edgeseg import segmenter  # noqa: PLC0415

        return getattr(segmenter, name)
    raise AttributeError(f"module 'edgeseg' has no attribute '{name}'")
