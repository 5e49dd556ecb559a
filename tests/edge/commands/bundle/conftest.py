"""Wheels for the tests of bundles."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest


def build_wheel(name: str, version: str, files: dict[str, str]) -> bytes:
    """Return a minimal wheel with these files."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n"
    content = {
        f"{info}/METADATA": f"{metadata}License-Expression: MIT\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in (files | content).items():
            archive.writestr(path, text)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def make_wheel() -> Callable[[str, str, dict[str, str]], bytes]:
    """Function `build_wheel`, which returns a wheel."""
    return build_wheel
