"""Pages of a TIFF file: listing of photographs, and extraction of a page."""

import math
import struct
from typing import NamedTuple

from edgeseg.imaging.file_content import FileContent, unpack_at
from edgeseg.imaging.tiff import TiffDirectory, tiff_formats

TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_MAX_PAGES = 4096
_THUMBNAIL_SIDE = 0.5  # maximum longer side of a thumbnail, relative to the largest page


class TiffPages(NamedTuple):
    """Pages of a TIFF file.

    Attributes:
        photographs: offset of the directory of each page that is not a thumbnail.
        skipped: number of thumbnails and transparency masks.
    """

    photographs: tuple[int, ...]
    skipped: int


def list_tiff_pages(data: FileContent) -> TiffPages:
    """List the pages of a TIFF file.

    A page is a thumbnail if the file marks it as a thumbnail, or if its longer side is at most half
    of the largest page's longer side. Damaged pages are listed as photographs, so that decoding
    reports the damage. If all pages are thumbnails, the first page is listed.

    Args:
        data: bytes of the file.
    """
    offsets = _directory_offsets(data)
    sides: dict[int, float] = {}
    for offset in offsets:
        try:
            directory = TiffDirectory.read(data, offset)
        except (struct.error, OverflowError):
            sides[offset] = math.inf
            continue
        if not directory.is_auxiliary:
            sides[offset] = max(directory.size)
    largest = max((side for side in sides.values() if math.isfinite(side)), default=0)
    photographs = [offset for offset, side in sides.items() if side > _THUMBNAIL_SIDE * largest]
    if not photographs:
        return TiffPages(tuple(offsets[:1]), 0)
    return TiffPages(tuple(photographs), len(offsets) - len(photographs))


def select_tiff_page(data: bytes, offset: int) -> bytes:
    """Return a copy of a TIFF file with another page as first page.

    Args:
        data: bytes of the file.
        offset: offset of the page's directory.
    """
    offset_format, _ = tiff_formats(data)
    start = struct.calcsize(offset_format)
    (first,) = struct.unpack_from(offset_format, data, start)
    if first == offset:
        return data
    return b"".join((data[:start], struct.pack(offset_format, offset), data[2 * start :]))


def _directory_offsets(data: FileContent) -> list[int]:
    """Read the chain of directories. Stop at its end, at a damaged link, or at a loop."""
    offset_format, count_format = tiff_formats(data)
    offset_bytes, count_bytes = struct.calcsize(offset_format), struct.calcsize(count_format)
    entry_bytes = 4 + 2 * offset_bytes
    offsets: list[int] = []
    link = offset_bytes
    while len(offsets) < _MAX_PAGES:
        try:
            (offset,) = unpack_at(offset_format, data, link)
            (count,) = unpack_at(count_format, data, offset)
        except (struct.error, OverflowError):
            break
        if not offset or offset in offsets:
            break
        offsets.append(offset)
        link = offset + count_bytes + count * entry_bytes
    return offsets
