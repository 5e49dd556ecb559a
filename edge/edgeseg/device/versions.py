"""Versions of what computes."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from edgeseg._version import __version__

PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "ncnn",
    "torch",
    "onnx",
)
"""By the names under which they are installed; none is loaded to ask."""


def installed_versions() -> dict[str, str]:
    """edgeseg, Python, and each of `PACKAGES` that is installed."""
    found = {"edgeseg": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
