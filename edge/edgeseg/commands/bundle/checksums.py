"""Checksums of the files of a bundle."""

import hashlib
from collections.abc import Sequence
from typing import TypeAlias

BundleFile: TypeAlias = tuple[str, bytes]
"""File of a bundle: its name in the bundle (`wheels/...`) and its content."""


def hash_content(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def checksums(files: Sequence[BundleFile]) -> bytes:
    """Return the content of `SHA256SUMS` for `sha256sum --check`.

    Args:
        files: all other files of the bundle.
    """
    return "".join(f"{hash_content(content)}  {name}\n" for name, content in files).encode()
