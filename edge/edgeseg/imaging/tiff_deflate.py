"""Checksums of deflated TIFF strips and tiles.

libtiff stops at the last pixel of a strip and does not verify the checksum that follows.
"""

import zlib

COMPRESSIONS = frozenset({8, 32946})  # values of the compression tag: Adobe's and an older one

_BLOCK_BYTES = 1 << 14  # blocks are small to limit the memory after decompression
_REVERSED_BITS = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def is_deflate_intact(packed: memoryview, max_bytes: int, reverse_bits: bool) -> bool:
    """Return whether a strip can be decompressed within the size limit and has a valid checksum.

    Args:
        packed: bytes of the strip or tile, including the zlib header.
        max_bytes: size of the strip's pixels.
        reverse_bits: whether the lowest bit of each byte comes first (the tag FillOrder is 2).
    """
    unpacker = zlib.decompressobj()
    unpacked_bytes = 0
    try:
        for start in range(0, len(packed), _BLOCK_BYTES):
            block = bytes(packed[start : start + _BLOCK_BYTES])
            if reverse_bits:
                block = block.translate(_REVERSED_BITS)
            unpacked_bytes += len(unpacker.decompress(block))
            if unpacker.eof or unpacked_bytes > max_bytes:
                break
    except zlib.error:
        return False
    return unpacker.eof and unpacked_bytes <= max_bytes
