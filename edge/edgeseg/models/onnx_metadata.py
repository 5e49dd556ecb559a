"""Reading of an ONNX file's metadata without ONNX Runtime.

Only the outermost protobuf fields are read, and the graph is skipped. To select a precision, the
metadata of several files is read. Creating a session for each file would be too slow. Files are
untrusted. The limits below restrict time and memory.
"""

import io
import os
from collections.abc import Collection, Iterator
from typing import BinaryIO

_METADATA_PROPS = 14  # field of ModelProto in onnx.proto
_KEY, _VALUE = 1, 2  # field numbers in StringStringEntryProto

# Wire types of protobuf, and the sizes of fixed-size types in bytes.
_VARINT = 0
_DELIMITED = 2
_FIXED = {1: 8, 5: 4}

_MAX_METADATA_BYTES = 1 << 20
_MAX_FIELDS = 10_000


def read_metadata(stream: BinaryIO) -> dict[str, str]:
    """Read `metadata_props` of an ONNX file.

    Args:
        stream: seekable file, opened for reading.

    Returns:
        Metadata as a dict from key to value.

    Raises:
        ValueError: The file is not a protobuf message, is truncated or exceeds a limit.
    """
    entries = {}
    remaining = _MAX_METADATA_BYTES
    for _, payload in _iterate_fields(stream, {_METADATA_PROPS}):
        remaining -= len(payload)
        if remaining < 0:
            raise ValueError(f"more than {_MAX_METADATA_BYTES >> 20} MiB of metadata")
        entry = dict(_iterate_fields(io.BytesIO(payload), {_KEY, _VALUE}))
        key = entry.get(_KEY, b"").decode()
        entries[key] = entry.get(_VALUE, b"").decode()
    return entries


def _iterate_fields(stream: BinaryIO, numbers: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of the length-delimited fields with the given numbers."""
    end = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    for _ in range(_MAX_FIELDS):
        if stream.tell() == end:
            return
        tag = _read_varint(stream)
        number = tag >> 3
        wire_type = tag & 7
        length = _read_length(stream, wire_type)
        if length > end - stream.tell():
            raise ValueError("truncated")
        if wire_type == _DELIMITED and number in numbers:
            yield number, stream.read(min(length, _MAX_METADATA_BYTES + 1))
        else:
            stream.seek(length, os.SEEK_CUR)
    raise ValueError("too many protobuf fields")


def _read_length(stream: BinaryIO, wire_type: int) -> int:
    """Return the number of remaining bytes of a field. For a varint, read it and return 0."""
    if wire_type in _FIXED:
        return _FIXED[wire_type]
    if wire_type not in (_VARINT, _DELIMITED):
        raise ValueError("not a protobuf message")
    value = _read_varint(stream)
    return value if wire_type == _DELIMITED else 0


def _read_varint(stream: BinaryIO) -> int:
    """Read a varint (protobuf's variable-length integer)."""
    value = 0
    for shift in range(0, 64, 7):
        byte = stream.read(1)
        if not byte:
            raise ValueError("truncated")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("not a protobuf message")
