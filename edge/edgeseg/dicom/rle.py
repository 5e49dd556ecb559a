"""Decoding of RLE pixels (DICOM PS3.5 annex G)."""

import struct

import numpy as np

from edgeseg.errors import CUT_OFF, DAMAGED, InvalidImageError
from edgeseg.imaging.sample_range import Samples

_HEADER_BYTES = 64
_NO_OPERATION = 128


def decode_rle(stream: bytes, rows: int, columns: int, samples: int, bits: int) -> Samples:
    """Decode a frame.

    Args:
        stream: bytes of the frame.
        rows: height in pixels.
        columns: width in pixels.
        samples: samples per pixel, 1 or 3.
        bits: bits of a sample, 8 or 16.

    Returns:
        (H, W) or (H, W, 3) uint8 or uint16.

    Raises:
        InvalidImageError: The stream is damaged, or has the wrong number of pixels.
    """
    if len(stream) < _HEADER_BYTES:
        raise InvalidImageError(CUT_OFF)
    count, *offsets = struct.unpack("<16I", stream[:_HEADER_BYTES])
    sample_bytes = bits // 8
    if count != samples * sample_bytes:
        raise InvalidImageError(f"RLE pixels with {count} segments: {DAMAGED}")
    ends = [*offsets[1:count], len(stream)]
    decoded = np.zeros((rows, columns, samples), np.uint8 if bits == 8 else np.uint16)
    for number, (start, end) in enumerate(zip(offsets, ends, strict=False)):
        if not _HEADER_BYTES <= start <= end <= len(stream):
            raise InvalidImageError(f"invalid RLE pixels: {DAMAGED}")
        plane = _decode_segment(stream[start:end], rows * columns)
        values = np.frombuffer(plane, np.uint8).reshape(rows, columns)
        sample, byte = divmod(number, sample_bytes)  # the most significant byte comes first
        shift = 8 * (sample_bytes - 1 - byte)
        decoded[:, :, sample] |= values.astype(decoded.dtype) << shift
    return decoded[:, :, 0] if samples == 1 else decoded


def _decode_segment(segment: bytes, size: int) -> bytes:
    """Decode PackBits. An additional byte is padding to an even length."""
    decoded = bytearray()
    position = 0
    while position < len(segment) and len(decoded) <= size + 1:
        code = segment[position]
        if code < _NO_OPERATION:
            decoded += segment[position + 1 : position + 2 + code]
            position += code + 2
        elif code > _NO_OPERATION:
            decoded += segment[position + 1 : position + 2] * (257 - code)
            position += 2
        else:
            position += 1
    if not size <= len(decoded) <= size + 1:
        raise InvalidImageError(f"size of the RLE pixels differs from the header: {DAMAGED}")
    return bytes(decoded[:size])
