"""Reading of photograph and mask files as arrays.

PNG, JPEG, TIFF, BMP, GIF, WebP, AVIF, JPEG 2000, PPM, PGM and DICOM are supported, also with gzip
compression. The format is detected from the content (`edgeseg.imaging.file_signatures`).

- 16-bit samples are scaled to 8 bits with the range that the file specifies (PNM, AVIF, JPEG 2000,
  TIFF with 9 to 15 bits). Other files are scaled with the smallest range (8, 10, 12, 14 or 16 bits)
  that contains 95 % of the pixels in the field of view. Labels and hot pixels do not change this
  range.
- CMYK is converted to RGB. The EXIF orientation is applied. In a TIFF with several pages, the first
  page that is not a thumbnail is read. In other files, the first frame is read.
- Transparent pixels become black, the usual colour around a fundus.
- Files that are truncated, damaged or too large are rejected.
"""

import os
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.errors import InvalidImageError, PhotoError
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.decoder import MAX_FILE_BYTES, decode_rgb
from edgeseg.imaging.size_limits import check_size
from edgeseg.system.regular_files import open_regular_file

_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".avif",
    ".jp2", ".j2k", ".j2c", ".jpc", ".ppm", ".pgm", ".pnm", ".dcm", ".dicom",
)  # fmt: skip
# Suffixes of photograph files in lower case, with the dot.
PHOTOGRAPH_SUFFIXES = (*_SUFFIXES, *(f"{suffix}.gz" for suffix in _SUFFIXES))

_MIN_BLOCK_BYTES = 1 << 20
_BLOCK_BYTES = 8 << 20  # most pipes contain less, so that the bytes are not copied

# Mask pixels above this value are set. The masks of DRIVE's second observer contain 3 and 253
# instead of 0 and 255.
MASK_THRESHOLD = 127


def is_photograph(path: Path) -> bool:
    """Return whether a file name has the suffix of a photograph, ignoring case."""
    return path.name.lower().endswith(PHOTOGRAPH_SUFFIXES)


def photo_stem(path: Path) -> str:
    """Return a file name without its photograph suffix: `im0001` for `im0001.ppm.gz`.

    A number is not a suffix: `OP.1.2.840.3` is returned unchanged, because DICOM programs name
    files after UIDs.
    """
    name = path.name
    lower = name.lower()
    stem = name if path.suffix[1:].isdigit() else path.stem
    for suffix in PHOTOGRAPH_SUFFIXES:
        if lower.endswith(suffix):
            stem = name[: -len(suffix)]
    return stem or name


def read_photo(path: Path) -> Photo:
    """Read a photograph file.

    Returns:
        (H, W, 3) uint8 RGB, contiguous.

    Raises:
        PhotoError: the file cannot be read or decoded.
    """
    return decode_photo(read_photo_bytes(path), str(path))


def decode_photo(data: bytes, name: str = "photograph") -> Photo:
    """Decode a photograph file.

    Args:
        data: bytes of the complete file, gzipped or not. The format is detected from the content.
        name: name of the photograph in error messages.

    Returns:
        (H, W, 3) uint8 RGB, contiguous.

    Raises:
        PhotoError: the format is unknown or not supported (such as floating-point samples), or the
            file is truncated, damaged or too large.
    """
    try:
        return decode_rgb(data)
    except InvalidImageError as error:
        raise PhotoError(f"{name}: {error}", error.code) from error


def read_mask(path: Path) -> Mask:
    """Read a mask file.

    Returns:
        (H, W) uint8, 0 or 255; see `decode_mask`.

    Raises:
        PhotoError: the file cannot be read or decoded.
    """
    return decode_mask(read_photo_bytes(path), str(path))


def decode_mask(data: bytes, name: str = "mask") -> Mask:
    """Decode a mask file in any photograph format.

    A pixel is 255 if its brightest channel is above 127 after scaling to 8 bits. Vessels may
    therefore have any colour. If the brightest value is 1, pixels with the value 1 become 255.

    Args:
        data: bytes of the complete file.
        name: name of the mask in error messages.

    Returns:
        (H, W) uint8, 0 or 255.

    Raises:
        PhotoError: the file cannot be decoded.
    """
    grey: Mask = decode_photo(data, name).max(axis=2)
    threshold = 0 if grey.max() == 1 else MASK_THRESHOLD
    cv2.threshold(grey, threshold, 255, cv2.THRESH_BINARY, dst=grey)
    return grey


def read_photo_bytes(path: Path, name: str | None = None) -> bytes:
    """Read the bytes of a photograph file.

    Args:
        path: photograph file.
        name: name of the photograph in error messages; None to use the path.

    Raises:
        PhotoError: the file is missing, not readable, not a regular file, or too large for a
            photograph.
    """
    name = str(path) if name is None else name
    try:
        with open_regular_file(path) as file:
            # The file is read at once, because joining its parts requires twice its size. Some file
            # systems report the size 0.
            size = os.fstat(file.fileno()).st_size
            block_bytes = max(_MIN_BLOCK_BYTES, min(size, MAX_FILE_BYTES) + 1)
            return read_photo_stream(file, name, block_bytes)
    except OSError as error:
        raise PhotoError(
            f"{name}: cannot be read ({error.strerror}). Check the name and the permissions.",
            "unreadable",
        ) from error


def read_photo_stream(stream: BinaryIO, name: str, block_bytes: int = _BLOCK_BYTES) -> bytes:
    """Read the bytes of a photograph from an open file or pipe, up to `MAX_FILE_BYTES`.

    Args:
        stream: input, opened for reading.
        name: name of the photograph in error messages.
        block_bytes: number of bytes to read at once.

    Raises:
        PhotoError: the stream is longer than `MAX_FILE_BYTES`.
    """
    blocks, size = [], 0
    while block := stream.read(block_bytes):
        blocks.append(block)
        size += len(block)
        if size > MAX_FILE_BYTES:
            raise PhotoError(
                f"{name}: larger than {MAX_FILE_BYTES >> 20} MiB. Use a smaller photograph.",
                "too_large",
            )
    return b"".join(blocks)


def validate_photo(array: npt.NDArray[np.uint8], name: str = "array") -> Photo:
    """Check a caller's array and make it contiguous. The array is copied only if necessary.

    Args:
        array: (H, W, 3) uint8 RGB.
        name: name of the photograph in error messages.

    Returns:
        (H, W, 3) uint8 RGB, contiguous.

    Raises:
        PhotoError: the array has another type or shape, is empty, or is too large.
    """
    expected = "expected an array (H, W, 3) of uint8 in RGB order"
    if not isinstance(array, np.ndarray):
        raise PhotoError(f"{name}: {expected}, got {type(array).__name__}")
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise PhotoError(f"{name}: {expected}, got {array.shape} {array.dtype}")
    height, width = array.shape[:2]
    try:
        check_size(width, height)
    except InvalidImageError as error:
        raise PhotoError(f"{name}: {error}", error.code) from error
    return np.ascontiguousarray(array)
