"""Detection of JPEG pixel data that was replaced with zeros.

The cause is a bad disk block or an interrupted copy. A decoder often reports no damage, because
zeros are valid codes.
"""

from collections.abc import Iterator

from edgeseg.imaging.jpeg_markers import HUFFMAN_TABLES, START_OF_FRAME, START_OF_SCAN, walk_markers

# Shortest run of zero bytes that is reported as damage. This run is longer than the code of a block
# with 63 equal coefficients, which does not occur in photographs.
_BLANK = bytes(64)
_SEQUENTIAL = frozenset({0xC0, 0xC1})
_END_OF_BLOCK = 0


def has_blank_bytes(data: bytes, end: int) -> bool:
    """Return whether zero bytes replace pixel data in a JPEG with sequential Huffman codes.

    If zeros are the code for the end of a block, the result is False. Such zeros may be valid in a
    photograph with large black areas.

    Args:
        data: bytes of the file.
        end: offset of the end marker.
    """
    if _BLANK not in data:
        return False
    tables = []
    for marker in walk_markers(data, 2):
        if marker.code in START_OF_FRAME - _SEQUENTIAL:
            return False
        if marker.code == HUFFMAN_TABLES:
            tables.append(data[marker.end + 2 : marker.segment_end])
        if marker.code == START_OF_SCAN:
            pixels = data[marker.segment_end : end].rstrip(b"\x00\xff")  # without padding
            first_symbols = [symbol for table in tables for symbol in _first_symbols(table)]
            return _BLANK in pixels and _END_OF_BLOCK not in first_symbols
    return False


def _first_symbols(tables: bytes) -> Iterator[int]:
    """Yield the symbol with the all-zero code of each AC table."""
    position = 0
    while position + 17 < len(tables):
        is_ac = tables[position] >= 0x10
        if is_ac:
            yield tables[position + 17]
        position += 17 + sum(tables[position + 1 : position + 17])
