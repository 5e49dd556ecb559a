"""Retinal vessel segmentation on the device: `from edgeseg import Segmenter`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeseg._version import __version__
from edgeseg.errors import EdgesegError
from edgeseg.system.telemetry import turn_telemetry_off

turn_telemetry_off()

__all__ = ["EdgesegError", "Segmentation", "Segmenter", "__version__"]

if TYPE_CHECKING:
    from edgeseg.segmentation import Segmentation
    from edgeseg.segmenter import Segmenter


def __getattr__(name: str) -> object:
    """Import `Segmenter` or `Segmentation` on first use. This loads OpenCV and ONNX Runtime."""
    if name == "Segmenter":
        from edgeseg.segmenter import Segmenter  # noqa: PLC0415

        return Segmenter
    if name == "Segmentation":
        from edgeseg.segmentation import Segmentation  # noqa: PLC0415

        return Segmentation
    raise AttributeError(f"module 'edgeseg' has no attribute '{name}'")
