"""What each result says of its making: SHA-256 of photograph, model file and options, in the PNG's own text.

`--resume` skips a photograph all of whose results carry the marks that this run would write. There is no state file:
the results are the state, so what a killed run left is either whole and marked, or not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from edgeseg.errors import ModelError
from edgeseg.imaging.png import read_png_text

if TYPE_CHECKING:
    import hashlib

_PREFIX = "edgeseg:"


class Provenance(NamedTuple):
    """SHA-256, in hexadecimal digits, of what one result was made from."""

    photograph: str
    model: str
    options: str

    def texts(self) -> dict[str, str]:
        """As they stand in the PNG: `edgeseg:photograph`, `edgeseg:model`, `edgeseg:options`."""
        return {
            f"{_PREFIX}photograph": self.photograph,
            f"{_PREFIX}model": self.model,
            f"{_PREFIX}options": self.options,
        }

    def are_on(self, files: Iterable[Path]) -> bool:
        """Whether each of the files is a whole PNG that carries these marks."""
        wanted = self.texts().items()
        return all(wanted <= read_png_text(file).items() for file in files)


def is_foreign(file: Path) -> bool:
    """Whether something is there that no run of `edgeseg` wrote, as a mask drawn by hand; results may be cut off."""
    try:
        if not file.is_file() or not file.stat().st_size:
            return False
    except (
        OSError
    ):  # writing will say it: a name that is too long, a folder that may not be entered
        return False
    return not any(key.startswith(_PREFIX) for key in read_png_text(file, require_complete=False))


def of_photograph(data: bytes | npt.NDArray[np.uint8]) -> str:
    """A photograph's file, or a stream's decoded frame (H, W, 3) -> its SHA-256."""
    if isinstance(data, bytes):
        return _sha256(data).hexdigest()
    digest = _sha256(repr(data.shape).encode())
    digest.update(np.ascontiguousarray(data).data)
    return digest.hexdigest()


def of_file(path: Path) -> str:
    """A model file -> its SHA-256.

    Raises:
        ModelError: It cannot be read any more.
    """
    digest = _sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def of_options(options: Mapping[str, str | float]) -> str:
    """What else decides on a result's bytes -> its SHA-256; the order of the keys does not matter."""
    return _sha256(json.dumps(dict(options), sort_keys=True).encode()).hexdigest()


def _sha256(data: bytes = b"") -> hashlib._Hash:
    """OpenSSL is loaded with the first one, a fiftieth of the time that a run takes, and so in the thread that asks."""
    import hashlib  # noqa: PLC0415

    return hashlib.sha256(data)
