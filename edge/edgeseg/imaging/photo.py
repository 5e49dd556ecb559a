"""Photograph files: bytes -> (H, W, 3) uint8 RGB, masks, and PNG back.

PNG, JPEG, TIFF, BMP, GIF, PPM and PGM, and each of them gzipped. What is read, and how:

- 16 bits become 8 by the full range, unless nothing in the file is brighter than 8, 10, 12 or 14 bits allow:
  then it is a camera's range in a wider file, and that range is taken. A PPM or PGM states its range.
- CMYK becomes RGB; the EXIF orientation is honoured; of several pages or frames the first is read.
- Where a transparency channel says that nothing is there, the pixel is black, like the surround of a fundus.
- A cut-off or damaged file is refused, not half read, and so is one that is larger than a photograph can be.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from edgeseg.errors import PhotoError
from edgeseg.imaging import png
from edgeseg.imaging.arrays import Mask, Photo, row_bands
from edgeseg.imaging.decoder import MAX_FILE_BYTES, check_size, decode_rgb
from edgeseg.imaging.invalid_image import InvalidImageError

_PLAIN = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm", ".pnm")
PHOTOGRAPH_SUFFIXES = (*_PLAIN, *(f"{suffix}.gz" for suffix in _PLAIN))
"""Endings of photograph files, in lower case, with their dots."""

MASK_THRESHOLD = 127
"""A mask's pixel counts when it is brighter than this: DRIVE's second observer wrote 3 and 253."""


def is_photograph(path: Path) -> bool:
    """Whether a file's name ends as a photograph's does, in upper or lower case."""
    return path.name.lower().endswith(PHOTOGRAPH_SUFFIXES)


def photo_stem(path: Path) -> str:
    """A file's name without what a photograph's ends with: `im0001` of `im0001.ppm.gz`."""
    endings = [suffix for suffix in PHOTOGRAPH_SUFFIXES if path.name.lower().endswith(suffix)]
    return (path.name[: -len(max(endings, key=len))] if endings else path.stem) or path.name


def read_photo(path: Path) -> Photo:
    """Photograph file -> (H, W, 3) uint8 RGB.

    Raises:
        PhotographError: As `read_bytes` and `decode`.
    """
    return decode_photo(read_photo_bytes(path), str(path))


def decode_photo(data: bytes, name: str = "photograph") -> Photo:
    """Bytes of a photograph file -> (H, W, 3) uint8 RGB, contiguous.

    Args:
        data: The whole file, gzipped or not. Its format is told by its content.
        name: What an error calls it.

    Raises:
        PhotographError: It cannot be read faithfully: of no known format, cut off, damaged, of an unusual
            kind (floating-point samples, ...) or too large.
    """
    try:
        return decode_rgb(data)
    except InvalidImageError as error:
        raise PhotoError(f"{name}: {error}") from error


def read_mask(path: Path) -> Mask:
    """Mask file -> (H, W) uint8, 0 or 255; as `decode_mask`."""
    return decode_mask(read_photo_bytes(path), str(path))


def decode_mask(data: bytes, name: str = "mask") -> Mask:
    """Bytes of a mask file, of any format of a photograph -> (H, W) uint8, 0 or 255.

    255 where the brightest channel is above 127, after scaling to 8 bits, so that a vessel may have any
    colour. A mask whose brightest value is 1 was written as 0 and 1: there 1 counts.

    Raises:
        PhotographError: As `decode`.
    """
    grey = decode_photo(data, name).max(axis=2)
    threshold = 0 if grey.max() == 1 else MASK_THRESHOLD
    mask: Mask = np.where(grey > threshold, np.uint8(255), np.uint8(0))
    return mask


def read_photo_bytes(path: Path) -> bytes:
    """File -> its bytes.

    Raises:
        PhotographError: The file is not there, may not be read or is too large for a photograph.
    """
    try:
        with path.open("rb") as file:
            return read_photo_stream(file, str(path))
    except OSError as error:
        raise PhotoError(f"{path}: cannot be read ({error.strerror})") from error


def read_photo_stream(stream: BinaryIO, name: str) -> bytes:
    """Open file or pipe -> its bytes, as long as they are not too many for a photograph.

    Raises:
        PhotographError: More than `MAX_FILE_BYTES`.
    """
    blocks, left = [], MAX_FILE_BYTES
    while block := stream.read(1 << 20):
        blocks.append(block)
        left -= len(block)
        if left < 0:
            raise PhotoError(
                f"{name}: more than {MAX_FILE_BYTES >> 20} MiB, too large for a photograph"
            )
    return b"".join(blocks)


def encode_png(array: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> bytes:
    """RGB (H, W, 3) or grey (H, W), uint8 or uint16 -> bytes of a PNG file.

    Raises:
        TypeError: Another shape or dtype.
    """
    grey = array.ndim == 2
    if (
        array.dtype.name not in {"uint8", "uint16"}
        or not (grey or array.shape[2:] == (3,))
        or not array.size
    ):
        raise TypeError(
            f"a PNG holds (H, W) or (H, W, 3) of uint8 or uint16, not {array.shape} {array.dtype}"
        )
    file = io.BytesIO()
    png.write_png(
        file, (array.shape[0], array.shape[1]), (array[rows] for rows in row_bands(len(array)))
    )
    return file.getvalue()


def validate_photo(array: npt.NDArray[np.uint8], name: str = "array") -> Photo:
    """A caller's array -> (H, W, 3) uint8 RGB, contiguous; the same memory where it already is so.

    Raises:
        PhotographError: Not an array of that shape and dtype, empty, or too large.
    """
    if (
        not isinstance(array, np.ndarray)
        or array.dtype != np.uint8
        or array.ndim != 3
        or array.shape[2] != 3
    ):
        found = (
            f"{array.shape} {array.dtype}"
            if isinstance(array, np.ndarray)
            else type(array).__name__
        )
        raise PhotoError(
            f"{name}: a photograph is an array (H, W, 3) of uint8 in RGB order, not {found}"
        )
    try:
        check_size(array.shape[1], array.shape[0])
    except InvalidImageError as error:
        raise PhotoError(f"{name}: {error}") from error
    return np.ascontiguousarray(array)
