"""Text entries of image files: tEXt chunks of a PNG and comments of a JPEG.

The JPEG format has no checksum. The first comment therefore contains the CRC-32 of the rest of the
file.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from edgeseg.dicom.private_text import read_private_text
from edgeseg.system.regular_files import open_regular_file, read_regular_file

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_PNG_HEADER_END = 33  # signature 8; IHDR: length 4, name 4, data 13, checksum 4

_JPEG_BEGINNING, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_APPLICATION_0, _COMMENT = b"\xff\xe0", b"\xff\xfe"
_CHECKSUM = "crc32"

_MAX_TEXT_BYTES = 1 << 20
_MAX_FILE_BYTES = 1 << 30


def insert_png_text(data: bytes | memoryview, texts: Mapping[str, str]) -> bytes:
    """Insert a tEXt chunk for each key and value before the pixels of a PNG file.

    Args:
        data: bytes of the PNG file.
        texts: key (1 to 79 characters) and value of each chunk, in this order. Latin-1.
    """
    chunks = png_text_chunks(texts)
    return b"".join((data[:_PNG_HEADER_END], *chunks, data[_PNG_HEADER_END:]))


def png_text_chunks(texts: Mapping[str, str]) -> list[bytes]:
    """Return a tEXt chunk for each key (1 to 79 characters) and value. Latin-1."""
    return [png_chunk(b"tEXt", _encode_text(key, value)) for key, value in texts.items()]


def insert_jpeg_text(data: bytes, texts: Mapping[str, str]) -> bytes:
    """Insert a checksum and a comment for each key and value into a JPEG file.

    Args:
        data: bytes of the JPEG file.
        texts: key and value of each comment. The comments are written in this order. Latin-1, at
            most 65,000 characters.
    """
    start = _comments_start(data)
    comments = b"".join(_comment(key, value) for key, value in texts.items())
    rest = memoryview(data)[start:]
    checksum = zlib.crc32(rest, zlib.crc32(comments))
    return b"".join((data[:start], _comment(_CHECKSUM, f"{checksum:08x}"), comments, rest))


def read_file_text(path: Path, require_complete: bool = True) -> dict[str, str]:
    """Read the text of a PNG, JPEG or DICOM file that `edgeseg` wrote.

    Args:
        path: PNG, JPEG or DICOM file.
        require_complete: whether to ignore the text of a truncated file.

    Returns:
        Value of each key; empty if the file is missing or of another format.
    """
    try:
        if path.suffix == ".dcm":
            return read_private_text(path)
        with open_regular_file(path) as file:
            if require_complete and not _has_end(file):
                return {}
            file.seek(0)
            beginning = file.read(len(PNG_SIGNATURE))
            if beginning == PNG_SIGNATURE:
                return dict(_read_png_chunks(file))
            if beginning.startswith(_JPEG_BEGINNING):
                return dict(_read_jpeg_comments(file))
    except (OSError, struct.error):
        pass
    return {}


def is_intact_jpeg(path: Path) -> bool:
    """Verify the checksum of a JPEG file written by edgeseg."""
    try:
        data = read_regular_file(path, _MAX_FILE_BYTES)
        start = _comments_start(data)
        end = start + len(_comment(_CHECKSUM, "00000000"))
        expected = _comment(_CHECKSUM, f"{zlib.crc32(memoryview(data)[end:]):08x}")
    except (OSError, ValueError, struct.error):
        return False
    return data.startswith(_JPEG_BEGINNING) and data[start:end] == expected


def png_chunk(name: bytes, data: bytes) -> bytes:
    """Return a PNG chunk: length, name, data and checksum."""
    checksum = zlib.crc32(data, zlib.crc32(name))
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def _encode_text(key: str, value: str) -> bytes:
    return f"{key}\0{value}".encode("latin-1")


def _decode_text(text: bytes) -> tuple[str, str]:
    key, _, value = text.decode("latin-1").partition("\0")
    return key, value


def _comment(key: str, value: str) -> bytes:
    text = _encode_text(key, value)
    return _COMMENT + struct.pack(">H", 2 + len(text)) + text


def _comments_start(data: bytes) -> int:
    """Return the offset after the application segment (JFIF), which must be the first segment."""
    if data[2:4] != _APPLICATION_0:
        return 2
    (length,) = struct.unpack_from(">H", data, 4)
    return int(4 + length)


def _has_end(file: BinaryIO) -> bool:
    file.seek(0, 2)
    file.seek(-min(len(PNG_END), file.tell()), 2)
    end = file.read()
    return end == PNG_END or end.endswith(_JPEG_END)


def _read_png_chunks(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """Yield the key and value of each tEXt chunk, up to the first damaged or other chunk."""
    file.seek(_PNG_HEADER_END)
    while file.tell() < _MAX_TEXT_BYTES:
        (length,) = struct.unpack(">I", file.read(4))
        name = file.read(4)
        if name != b"tEXt" or length > _MAX_TEXT_BYTES:
            return
        text = file.read(length)
        if png_chunk(name, text)[-4:] != file.read(4):
            return
        yield _decode_text(text)


def _read_jpeg_comments(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """Yield the key and value of each comment before the first other segment."""
    file.seek(2)
    while file.tell() < _MAX_TEXT_BYTES:
        code = file.read(2)
        if code not in {_APPLICATION_0, _COMMENT}:
            return
        (length,) = struct.unpack(">H", file.read(2))
        text = file.read(length - 2)
        if code == _COMMENT:
            yield _decode_text(text)
