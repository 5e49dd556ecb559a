"""Versions of the packages that influence results and timings."""

import platform
from contextlib import suppress

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
"""Names of the packages on PyPI."""

ONNXRUNTIME_PACKAGES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-openvino",
    "onnxruntime-directml",
    "onnxruntime-migraphx",
    "onnxruntime-qnn",
    "onnxruntime-rocm",
    "onnxruntime-training",
)
"""Builds of ONNX Runtime. All builds install the same module, `onnxruntime`."""


def installed_versions() -> dict[str, str]:
    """Return the versions of edgeseg, Python and the installed packages of `PACKAGES`.

    No package is imported.
    """
    versions = {"edgeseg": __version__, "python": platform.python_version()}
    return versions | _find_versions(PACKAGES)


def package_warnings() -> tuple[str, ...]:
    """Return a warning if several builds of ONNX Runtime are installed."""
    installed = _find_versions(ONNXRUNTIME_PACKAGES)
    if len(installed) < 2:
        return ()
    builds = " and ".join(f"{package} {number}" for package, number in installed.items())
    return (
        f"{builds} are installed and overwrite each other's files: remove all with "
        f"`pip uninstall -y {' '.join(installed)}`, then install one (docs/boards.md)",
    )


def _find_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of the installed packages."""
    # Imported here, because it takes 10 ms and `edgeseg run` does not need it.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    versions: dict[str, str] = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions
