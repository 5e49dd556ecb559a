"""Lossless JPEG (process 14). A stream is rebuilt from its checked parts before it is decoded.

GDCM ends the process for some invalid streams, such as those with an unknown colour space.
"""

import re

from edgeseg.dicom.instance import PixelLayout
from edgeseg.errors import CUT_OFF, DAMAGED, InvalidImageError
from edgeseg.imaging.jpeg_markers import (
    END_OF_IMAGE,
    HUFFMAN_TABLES,
    START_OF_SCAN,
    walk_markers,
)

_FRAME, _RESTART_INTERVAL = 0xC3, 0xDD
_HUFFMAN_VALUES_START = 17
_MAX_CATEGORY = 16  # maximum number of bits of a sample difference
# Second bytes that do not end a scan: stuffed zero bytes, restart markers and fill bytes.
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_IDENTIFIERS = {
    1: b"\x01",
    3: b"RGB",
}  # decoders do not convert the colours of components with these identifiers


def rebuild_lossless_jpeg(stream: bytes, layout: PixelLayout) -> bytes:
    """Return a stream without application segments, so that decoders do not convert the colours.

    Args:
        stream: lossless JPEG whose size agrees with the header of the file.
        layout: size and type of the samples.

    Raises:
        InvalidImageError: The stream is damaged or of an unsupported type.
    """
    parts = [b"\xff\xd8"]
    identifiers = b""  # identifiers of the components in the frame header
    missing = layout.samples  # number of components without a scan
    position = 2
    while missing:
        marker = next(walk_markers(stream, position), None)
        if marker is None or marker.segment_end > len(stream) or marker.code == END_OF_IMAGE:
            raise InvalidImageError(f"a lossless JPEG without all of its pixels: {CUT_OFF}")
        segment = stream[marker.end + 2 : marker.segment_end]
        position = marker.segment_end
        if marker.code == HUFFMAN_TABLES:
            _check_tables(segment)
            parts.append(_segment(HUFFMAN_TABLES, segment))
        elif marker.code == _RESTART_INTERVAL and len(segment) == 2:
            parts.append(_segment(_RESTART_INTERVAL, segment))
        elif marker.code == _FRAME and not identifiers:
            identifiers = segment[6::3]
            parts.append(_segment(_FRAME, _rebuild_frame(segment, layout)))
        elif marker.code == START_OF_SCAN and identifiers:
            scan = _rebuild_scan(segment, identifiers, layout)
            end = _SCAN_END.search(stream, position)
            if end is None:
                raise InvalidImageError(CUT_OFF)
            parts += [_segment(START_OF_SCAN, scan), stream[position : end.start()]]
            missing -= scan[0]
            position = end.start()
    if stream[position : position + 2] != b"\xff\xd9":
        raise InvalidImageError(DAMAGED)
    return b"".join((*parts, b"\xff\xd9"))


def _segment(code: int, content: bytes) -> bytes:
    return bytes((0xFF, code)) + (len(content) + 2).to_bytes(2, "big") + content


def _check_tables(segment: bytes) -> None:
    position = 0
    while position < len(segment):
        counts = segment[position + 1 : position + _HUFFMAN_VALUES_START]
        start = position + _HUFFMAN_VALUES_START
        values = segment[start : start + sum(counts)]
        is_complete = len(counts) == 16 and len(values) == sum(counts)
        is_valid = segment[position] <= 3 and values and max(values) <= _MAX_CATEGORY
        if not is_complete or not is_valid:
            raise InvalidImageError(f"a lossless JPEG with invalid tables: {DAMAGED}")
        position = start + len(values)


def _rebuild_frame(segment: bytes, layout: PixelLayout) -> bytes:
    """Return the frame header with standard identifiers. Components must not be subsampled."""
    components = segment[6:]
    is_valid = 2 <= segment[0] <= layout.bits_allocated and len(components) == 3 * layout.samples
    is_valid &= len(set(components[::3])) == layout.samples
    if not is_valid or components[1::3] != b"\x11" * layout.samples:
        raise InvalidImageError(f"a lossless JPEG with invalid components: {DAMAGED}")
    rebuilt = bytearray(segment)
    rebuilt[6::3] = _IDENTIFIERS[layout.samples]
    rebuilt[8::3] = bytes(layout.samples)
    return bytes(rebuilt)


def _rebuild_scan(segment: bytes, identifiers: bytes, layout: PixelLayout) -> bytes:
    """Return the header of a scan with standard identifiers of its components."""
    count = segment[0] if segment else 0
    if not 1 <= count <= layout.samples or len(segment) != 4 + 2 * count:
        raise InvalidImageError(f"a lossless JPEG with an invalid scan: {DAMAGED}")
    predictor, end, shift = segment[-3:]
    tables = segment[2 : 2 + 2 * count : 2]
    is_valid = 1 <= predictor <= 7 and end == 0 and shift < layout.bits_stored
    rebuilt = bytearray(segment)
    for place in range(1, 1 + 2 * count, 2):
        number = identifiers.find(segment[place])
        is_valid &= number >= 0
        rebuilt[place] = _IDENTIFIERS[layout.samples][number]
    if not is_valid or any(table >> 4 > 3 or table & 15 for table in tables):
        raise InvalidImageError(f"a lossless JPEG with an invalid scan: {DAMAGED}")
    return bytes(rebuilt)
