"""Checksum of a model file, stored in its metadata as `edgeseg.file_sha256`.

The checksum is required because ONNX Runtime loads many damaged files without an error and then
computes wrong masks. The checksum is the SHA-256 of the file, computed with zeros in place of the
64 digits of the checksum.
"""

import hashlib
import logging
from collections.abc import Mapping

from edgeseg.errors import ModelError

CHECKSUM_KEY = "edgeseg.file_sha256"

_ZEROS = b"0" * 64
# Bytes of the StringStringEntryProto before the value: field 1 with the key, then the header of
# field 2 with a length of 64.
_ENTRY = b"\x0a" + bytes([len(CHECKSUM_KEY)]) + CHECKSUM_KEY.encode() + b"\x12\x40"
# Field 14 of ModelProto: `metadata_props`.
_FIELD = b"\x72" + bytes([len(_ENTRY) + len(_ZEROS)]) + _ENTRY

CHECKSUM_BYTES = len(_FIELD) + len(_ZEROS)
"""Number of bytes that `append_checksum` adds."""

_notified: set[str] = set()


def append_checksum(data: bytes) -> bytes:
    """Return a model file's bytes followed by its checksum.

    The checksum is appended as a protobuf message. Protobuf merges concatenated messages, so that
    the other fields do not change.
    """
    data += _FIELD
    return data + hashlib.sha256(data + _ZEROS).hexdigest().encode()


def verify_checksum(data: bytes, entries: Mapping[str, str], file: str) -> str:
    """Verify a model file's checksum. A file without a checksum is reported once per process.

    Args:
        data: bytes of the file.
        entries: metadata of the file.
        file: name of the file for messages.

    Returns:
        SHA-256 of the file, hexadecimal.

    Raises:
        ModelError: The checksum does not match.
    """
    stored = entries.get(CHECKSUM_KEY)
    if stored is None:
        if file not in _notified:
            _notified.add(file)
            logging.getLogger("edgeseg").warning(
                "edgeseg: %s: contains no checksum; damage to this file is not detected. "
                "Convert the model again.",
                file,
            )
        return hashlib.sha256(data).hexdigest()
    value = stored.encode()
    start = data.rfind(_ENTRY + value) + len(_ENTRY)
    if len(value) != len(_ZEROS) or start < len(_ENTRY):
        raise _mismatch(file)
    # The checksum is at the end of the file. The bytes before the checksum are hashed only once.
    digest = hashlib.sha256(memoryview(data)[:start])
    zeroed = digest.copy()
    rest = data[start + len(_ZEROS) :]
    zeroed.update(_ZEROS + rest)
    if zeroed.hexdigest() != stored:
        raise _mismatch(file)
    digest.update(value + rest)
    return digest.hexdigest()


def _mismatch(file: str) -> ModelError:
    return ModelError(
        f"{file}: damaged: its checksum does not match. Copy or convert the file again."
    )
