"""Versions of the packages that influence results and timings."""

import platform
from contextlib import suppress
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
"""Names of the packages as pip knows them."""


def installed_versions() -> dict[str, str]:
    """Return the versions of edgeseg, Python and the installed packages of `PACKAGES`.

    No package is imported.
    """
    versions = {"edgeseg": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions
