"""Memory that is required to process a photograph, estimated from the header of its file."""

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from edgeseg.errors import InvalidImageError
from edgeseg.imaging.decoder import MAX_FILE_BYTES
from edgeseg.imaging.file_content import FileContent, OpenFile
from edgeseg.imaging.file_headers import peek_header
from edgeseg.imaging.gzip_files import GZIP_SIGNATURE, decompress_beginning, decompressed_bytes
from edgeseg.imaging.image_header import ImageHeader
from edgeseg.imaging.size_limits import MAX_REQUIRED_BYTES, required_bytes
from edgeseg.imaging.tiff import TiffDirectory
from edgeseg.imaging.tiff_pages import TIFF_SIGNATURES, list_tiff_pages
from edgeseg.system.regular_files import open_regular_file

_BEGINNINGS = (1 << 12, 1 << 17, 1 << 22)  # in a JPEG, metadata precede the size of the image


def estimate_file(path: Path) -> int:
    """Estimate the bytes that are required to process a photograph file.

    Only the header is read.

    Returns:
        Number of bytes; 0 if the file cannot be read or is not a photograph, and the maximum if the
        size of the image is unknown.
    """
    try:
        with open_regular_file(path) as file:
            content = OpenFile(file)
            return _estimate(content, content.size, _BEGINNINGS)
    except OSError:
        return 0


def estimate_bytes(data: bytes) -> int:
    """Estimate the bytes that are required to process a photograph.

    Args:
        data: bytes of the file.

    Returns:
        Number of bytes; 0 if the file is not a photograph, and the maximum if the size of the image
        is unknown.
    """
    return _estimate(data, len(data), (len(data),))


def estimate_tiff_page(data: FileContent, offset: int, file_bytes: int) -> int:
    """Estimate the bytes that are required to process a page of a TIFF file.

    Args:
        data: bytes of the file.
        offset: offset of the page's directory.
        file_bytes: size of the file, including copies that are in memory.

    Returns:
        Number of bytes; 0 if the directory is damaged.
    """
    try:
        directory = TiffDirectory.read(data, offset)
    except (struct.error, OverflowError):
        return 0
    width, height = directory.size
    header = ImageHeader("tiff", width, height, decoder_bytes=directory.decoder_bytes)
    return min(required_bytes(header, file_bytes), MAX_REQUIRED_BYTES)


def _estimate(data: FileContent, size: int, beginnings: Iterable[int]) -> int:
    """Estimate the memory from the first `beginnings` bytes, one number after the other."""
    if data[0:4] in TIFF_SIGNATURES:
        return _estimate_tiff(data, size)
    unpacked_bytes = min(decompressed_bytes(data, size), MAX_FILE_BYTES)
    for count in beginnings:
        beginning = data[0:count]
        try:
            if beginning.startswith(GZIP_SIGNATURE):
                beginning = decompress_beginning(beginning, _BEGINNINGS[-1])
            if beginning.startswith(TIFF_SIGNATURES):  # the largest page may be the last one
                if len(beginning) == unpacked_bytes:
                    return _estimate_tiff(beginning, size + unpacked_bytes)
                continue
            header = peek_header(beginning)
        except (InvalidImageError, zlib.error):
            return 0
        if header is not None:
            return min(required_bytes(header, size + unpacked_bytes), MAX_REQUIRED_BYTES)
        if count >= size:
            break
    return MAX_REQUIRED_BYTES


def _estimate_tiff(data: FileContent, size: int) -> int:
    """Return the maximum over the photographs of a TIFF file."""
    pages = list_tiff_pages(data)
    if pages.skipped or len(pages.photographs) > 1:
        size *= 2  # the file is copied to select a page
    return max((estimate_tiff_page(data, page, size) for page in pages.photographs), default=0)
