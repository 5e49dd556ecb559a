"""Photograph files: bytes -> (H, W, 3) uint8 RGB, masks, and PNG back. BGR exists only in here.

PNG, JPEG, TIFF, BMP, GIF, PPM and PGM, and each of them gzipped. What is read, and how:

- 16 bits become 8 by the full range, unless nothing in the file is brighter than 10, 12 or 14 bits allow: then it
  is a camera's raw range in a wider file, and its own range is taken. A PPM or PGM states its range.
- CMYK becomes RGB; the EXIF orientation is honoured; of several pages or frames the first is read.
- Where a transparency channel says that nothing is there, the pixel is black, like the surround of a fundus.
- A cut-off or damaged file is refused, not half read, and so is one that is larger than a photograph can be.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.arrays import Mask, Photo
from edgeseg.codec_messages import listen
from edgeseg.errors import PhotographError
from edgeseg.image_header import ImageHeader, announced_pixels, read_header
from edgeseg.tiff_header import BrokenImageError

_PLAIN = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm", ".pnm")
PHOTOGRAPH_SUFFIXES = (*_PLAIN, *(f"{suffix}.gz" for suffix in _PLAIN))
"""Endings of photograph files, in lower case, with their dots."""

MASK_THRESHOLD = 127
"""A mask's pixel counts when it is brighter than this: DRIVE's second observer wrote 3 and 253."""

MAX_PIXELS = 100_000_000
"""Fundus cameras take 0.3 to 50 megapixels."""

MAX_FILE_BYTES = 256 << 20
"""Of a photograph's file, and of what a gzipped one unpacks to."""

_CAMERA_RANGES = (255, 1023, 4095, 16383, 65535)
_DAMAGE = re.compile(
    r"Corrupt JPEG data: (?!bad ICC)|Premature end|Inconsistent|TIFF_Error.*(?:ecode|code|data)"
)
_PADDING = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9\s*")

_Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def is_photograph(path: Path) -> bool:
    """Whether a file's name ends as a photograph's does, in upper or lower case."""
    return path.name.lower().endswith(PHOTOGRAPH_SUFFIXES)


def read(path: Path) -> Photo:
    """Photograph file -> (H, W, 3) uint8 RGB.

    Raises:
        PhotographError: As `read_bytes` and `decode`.
    """
    return decode(read_bytes(path), str(path))


def decode(data: bytes, name: str = "photograph") -> Photo:
    """Bytes of a photograph file -> (H, W, 3) uint8 RGB, contiguous.

    Args:
        data: The whole file, gzipped or not. Its format is told by its content.
        name: What an error calls it.

    Raises:
        PhotographError: Not a photograph that can be read faithfully: of no known format, cut off, damaged, of
            an unusual kind (floating-point samples, ...) or too large.
    """
    try:
        return _decode(data)
    except BrokenImageError as error:
        raise PhotographError(f"{name}: {error}.") from error


def read_mask(path: Path) -> Mask:
    """Mask file -> (H, W) uint8, 0 or 255; as `decode_mask`."""
    return decode_mask(read_bytes(path), str(path))


def decode_mask(data: bytes, name: str = "mask") -> Mask:
    """Bytes of a mask file, of any format of a photograph -> (H, W) uint8, 0 or 255.

    255 where the brightest channel is above 127, after scaling to 8 bits; so a vessel may be drawn in any colour.
    A mask whose brightest value is 1 was written as 0 and 1: there 1 counts.

    Raises:
        PhotographError: As `decode`.
    """
    grey = decode(data, name).max(axis=2)
    threshold = 0 if grey.max() == 1 else MASK_THRESHOLD
    return np.where(grey > threshold, np.uint8(255), np.uint8(0))


def read_bytes(path: Path) -> bytes:
    """File -> its bytes.

    Raises:
        PhotographError: The file is not there, may not be read or is too large for a photograph.
    """
    try:
        with path.open("rb") as file:
            return read_stream(file, str(path))
    except OSError as error:
        raise PhotographError(f"{path}: cannot be read ({error.strerror}).") from error


def read_stream(stream: BinaryIO, name: str) -> bytes:
    """Open file or pipe -> its bytes, as long as they are not too many for a photograph.

    Raises:
        PhotographError: More than `MAX_FILE_BYTES`.
    """
    blocks, left = [], MAX_FILE_BYTES
    while block := stream.read(1 << 20):
        blocks.append(block)
        left -= len(block)
        if left < 0:
            raise PhotographError(
                f"{name}: more than {MAX_FILE_BYTES >> 20} MiB, too large for a photograph."
            )
    return b"".join(blocks)


def encode_png(array: npt.NDArray[np.uint8]) -> bytes:
    """RGB (H, W, 3) or grey (H, W) uint8 -> bytes of a PNG file.

    Raises:
        TypeError: Another shape or dtype.
    """
    grey = array.ndim == 2
    if array.dtype != np.uint8 or not (grey or array.shape[2:] == (3,)) or not array.size:
        raise TypeError(f"a PNG holds (H, W) or (H, W, 3) uint8, not {array.shape} {array.dtype}")
    _, buffer = cv2.imencode(".png", array if grey else cv2.cvtColor(array, cv2.COLOR_RGB2BGR))
    return buffer.tobytes()


def as_photo(array: npt.NDArray[np.uint8], name: str = "array") -> Photo:
    """A caller's array -> (H, W, 3) uint8 RGB, contiguous; the same memory where it already is so.

    Raises:
        PhotographError: Not an array of that shape and dtype, empty, or too large.
    """
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        found = f"{array.shape} {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
        raise PhotographError(
            f"{name}: a photograph is an array (H, W, 3) of uint8 in RGB order, not {found}."
        )
    try:
        _check_size(array.shape[1], array.shape[0])
    except BrokenImageError as error:
        raise PhotographError(f"{name}: {error}.") from error
    return np.ascontiguousarray(array)


def _decode(data: bytes) -> Photo:
    data = _unpacked(data)
    header = read_header(data)
    _check_size(header.width, header.height)
    image = _opencv(data, header, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if header.alpha:
        _blacken(image, _opencv(data, header, cv2.IMREAD_UNCHANGED))
    photo = _eight_bits(image, header.maximum)
    return cv2.cvtColor(photo, cv2.COLOR_BGR2RGB, dst=photo)  # type: ignore[return-value]


def _unpacked(data: bytes) -> bytes:
    """Unpack gzip, but no more of it than the picture that it begins with can need."""
    if not data:
        raise BrokenImageError("the file is empty")
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        pixels = announced_pixels(zlib.decompressobj(31).decompress(data, 1 << 16))
        limit = min(MAX_FILE_BYTES, (1 << 20) + 8 * pixels if pixels else MAX_FILE_BYTES)
        unpacker = zlib.decompressobj(31)
        unpacked = unpacker.decompress(data, limit)
    except zlib.error as error:
        raise BrokenImageError("the file is damaged (gzip)") from error
    if unpacker.eof:
        return unpacked
    raise BrokenImageError("the gzip file is cut off, or unpacks to more than a photograph")


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise BrokenImageError("holds no pixels")
    if width * height > MAX_PIXELS:
        raise BrokenImageError(
            f"{width} x {height} pixels; at most {MAX_PIXELS // 1_000_000} megapixels are read"
        )


def _opencv(data: bytes, header: ImageHeader, flags: int) -> _Samples:
    """Decode by OpenCV -> (H, W, 3 or more) BGR or (H, W) of uint8 or uint16; what it is unsure of is refused."""
    # A plain-text PPM must end with white space for OpenCV.
    buffer = np.frombuffer(data + b"\n" if header.format == "pnm" else data, np.uint8)
    try:
        image, messages = listen(lambda: cv2.imdecode(buffer, flags))
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise BrokenImageError(
                f"not enough memory for {header.width} x {header.height} pixels"
            ) from error
        image, messages = None, ""
    if image is None or _says_damage(messages, data, header):
        raise BrokenImageError(
            f"the file is damaged, or of a kind of {header.format.upper()} that is not read"
        )
    if {*image.shape[:2]} != {header.width, header.height} or image.dtype not in (np.uint8, np.uint16):
        raise BrokenImageError(f"a kind of {header.format.upper()} that is not read")
    return image  # type: ignore[return-value]


def _says_damage(messages: str, data: bytes, header: ImageHeader) -> bool:
    padding = _PADDING.fullmatch(messages)
    if padding:  # Some cameras pad before the end marker; what follows a damage is not all zeros or ones.
        return bool(data[header.end - int(padding[1]) : header.end].strip(b"\x00\xff"))
    return _DAMAGE.search(messages) is not None


def _blacken(image: _Samples, with_alpha: _Samples) -> None:
    """Set to black, in place, what is wholly transparent. A channel that is 0 everywhere is an unused one."""
    if with_alpha.ndim == 3 and with_alpha.shape[2] == 4 and with_alpha[:, :, 3].any():
        image[with_alpha[:, :, 3] == 0] = 0


def _eight_bits(image: _Samples, maximum: int | None) -> npt.NDArray[np.uint8]:
    """Scale samples to 0..255: by the stated maximum, else by the smallest camera range that holds them all."""
    if maximum in {None, 65535}:
        brightest = int(image.max())
        maximum = next(top for top in _CAMERA_RANGES if brightest <= top)
    if maximum == 255:
        return image.astype(np.uint8, copy=False)
    values = np.arange(np.iinfo(image.dtype).max + 1, dtype=np.float64) * (255 / maximum)
    return np.minimum(np.rint(values), 255).astype(np.uint8)[image]
