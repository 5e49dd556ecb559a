"""Limits of the size of an image, checked before its pixels are decoded."""

from edgeseg.errors import InvalidImageError
from edgeseg.imaging.image_header import ImageHeader

MAX_PIXELS = 100_000_000  # fundus cameras have 0.3 to 50 megapixels
_MAX_SIDE = 65_500  # limit of libjpeg for the overlay

MAX_REQUIRED_BYTES = 870_000_000
"""Memory limit of a photograph.

With libraries and model, a process usually requires less than 1 GB. `docs/formats.md` names the
exception.
"""

_PROCESSING_BYTES = 8  # bytes per pixel after decoding: RGB, masks and measurements


def check_size(width: int, height: int) -> None:
    """Reject images without pixels, with too many pixels, or with a side that is too long.

    Raises:
        InvalidImageError: the size is out of range.
    """
    if width < 1 or height < 1:
        raise InvalidImageError("the image has no pixels")
    if width * height > MAX_PIXELS:
        raise InvalidImageError(
            f"{width} x {height} pixels exceed the limit of {MAX_PIXELS // 1_000_000} megapixels. "
            "Reduce the size of the image.",
            "too_large",
        )
    if max(width, height) > _MAX_SIDE:
        raise InvalidImageError(
            f"{width} x {height} pixels exceed the limit of {_MAX_SIDE} pixels per side. "
            "Reduce the size of the image.",
            "too_large",
        )


def check_memory(header: ImageHeader, file_bytes: int) -> None:
    """Reject images that require too much memory for decoding on a small board.

    Args:
        header: header of the image.
        file_bytes: size of the file, which remains in memory.

    Raises:
        InvalidImageError: the image is too large for its sample type.
    """
    if _decoding_bytes(header, file_bytes) > MAX_REQUIRED_BYTES:
        raise InvalidImageError(
            f"{header.width} x {header.height} pixels of this type require too much memory. "
            "Reduce the size of the image, or save the image with 8 bits per channel.",
            "too_large",
        )


def required_bytes(header: ImageHeader, file_bytes: int) -> int:
    """Return the bytes that are required to decode and process an image.

    Args:
        header: header of the image.
        file_bytes: size of the file.
    """
    return max(_decoding_bytes(header, file_bytes), _pixels(header) * _PROCESSING_BYTES)


def _decoding_bytes(header: ImageHeader, file_bytes: int) -> int:
    return _pixels(header) * (3 + header.decoder_bytes) + file_bytes


def _pixels(header: ImageHeader) -> int:
    """Return the number of pixels; 0 if a damaged header contains a negative size."""
    return max(0, header.width) * max(0, header.height)
