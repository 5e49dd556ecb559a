"""Model file that is read only once. Card, checksum and network are read from the same bytes."""

import io
from pathlib import Path
from typing import NamedTuple

from edgeseg.models.card import ModelCard, model_read_errors
from edgeseg.models.checksum import CHECKSUM_KEY, verify_checksum
from edgeseg.models.onnx_metadata import read_metadata
from edgeseg.system.regular_files import read_regular_file

_MAX_BYTES = (1 << 31) - 1  # size limit of protobuf


class LoadedFile(NamedTuple):
    """Bytes of a model file with its metadata.

    Attributes:
        data: bytes of the file.
        card: metadata of the file.
        sha256: SHA-256 of the bytes, hexadecimal.
        has_checksum: whether the file contains a checksum. The checksum has been verified.
    """

    data: bytes
    card: ModelCard
    sha256: str
    has_checksum: bool


def load_file(path: Path) -> LoadedFile:
    """Read a model file and check its checksum.

    The file is read only once. Therefore the result is consistent even if another process replaces
    the file.

    Raises:
        ModelError: The file is missing, damaged, not an ONNX file, or its metadata is missing or
            invalid.
    """
    with model_read_errors(path):
        data = read_regular_file(path, _MAX_BYTES)
        entries = read_metadata(io.BytesIO(data))
    sha256 = verify_checksum(data, entries, str(path))
    card = ModelCard.from_metadata(entries, str(path))
    return LoadedFile(data, card, sha256, CHECKSUM_KEY in entries)
