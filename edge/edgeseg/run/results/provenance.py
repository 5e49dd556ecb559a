"""Provenance of a result: hashes and the record, stored as text entries of the result.

`--resume` reuses a photograph's results if all of them contain the hashes of the current run. A
state file is not required, because the results of a killed run are either complete or missing.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from edgeseg.dicom.private_text import is_intact_dicom
from edgeseg.imaging.file_text import is_intact_jpeg, read_file_text
from edgeseg.imaging.png_check import is_intact_png
from edgeseg.run.results.record import IDENTIFIERS, ResultRecord

_PREFIX = "edgeseg:"
_INTEGRITY_CHECKS = {".png": is_intact_png, ".jpg": is_intact_jpeg, ".dcm": is_intact_dicom}
_RECORD = f"{_PREFIX}record"


class Provenance(NamedTuple):
    """SHA-256 digests of the inputs of a result, in hexadecimal.

    Attributes:
        photograph: digest of the photograph's file or of the stream's frame.
        model: digest of the model file.
        options: digest of all other values (threshold, runtime, version) that affect the mask.
    """

    photograph: str
    model: str
    options: str

    def texts(self) -> dict[str, str]:
        """Return the keys and values to store in an image file."""
        return {_PREFIX + key: value for key, value in self._asdict().items()}

    def matches(self, files: Iterable[Path]) -> bool:
        """Return whether all files are undamaged and contain these digests."""
        expected = self.texts().items()
        for file in files:
            is_intact = _INTEGRITY_CHECKS[file.suffix]
            if not expected <= read_file_text(file).items() or not is_intact(file):
                return False
        return True


def record_text(records: Sequence[ResultRecord]) -> dict[str, str]:
    """Return the records of an image as PNG text, without times and paths.

    PNG text is Latin-1. Each byte of the UTF-8 text is stored as one character.
    """
    stored = [
        msgspec.structs.replace(
            record,
            source="",
            files=UNSET,
            time=UNSET,
            timings_ms=UNSET,
            **dict.fromkeys(IDENTIFIERS, UNSET),
        )
        for record in records
    ]
    return {_RECORD: msgspec.json.encode(stored).decode("latin-1")}


def read_records(mask: Path) -> tuple[ResultRecord, ...] | None:
    """Return the records stored in a mask; None if they are missing or of another version."""
    text = read_file_text(mask).get(_RECORD)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text.encode("latin-1"), type=tuple[ResultRecord, ...])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def is_foreign(file: Path) -> bool:
    """Return whether a file exists that edgeseg did not write.

    For truncated results of edgeseg, return False. For pipes and devices, return True, because
    writing to them could block forever.
    """
    try:
        if file.exists() and not file.is_file() and not file.is_dir():
            return True
        if not file.is_file() or not file.stat().st_size:
            return False
    except OSError:  # this error is reported when the file is written
        return False
    return not any(key.startswith(_PREFIX) for key in read_file_text(file, require_complete=False))


def read_photograph_hash(file: Path) -> str | None:
    """Return the photograph's hash that is stored in a result file, or None."""
    return read_file_text(file, require_complete=False).get(f"{_PREFIX}photograph")


def hash_photo(data: bytes | npt.NDArray[np.uint8]) -> str:
    """Return the SHA-256 of a photograph's file or of a decoded frame, (H, W, 3)."""
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest()
    digest = hashlib.sha256(repr(data.shape).encode())
    digest.update(np.ascontiguousarray(data).data)
    return digest.hexdigest()


def hash_options(options: Mapping[str, str | float]) -> str:
    """Return the SHA-256 of the options that affect a mask. The order has no effect."""
    return hashlib.sha256(msgspec.json.encode(options, order="sorted")).hexdigest()
