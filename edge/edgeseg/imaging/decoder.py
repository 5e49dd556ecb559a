"""Bytes of an image file -> (H, W, 3) uint8 RGB, by OpenCV's codecs, and safe from their faults."""

from __future__ import annotations

import re
import zlib
from typing import TypeAlias, cast

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.codec_warnings import capture_codec_warnings
from edgeseg.imaging.file_headers import ImageHeader, peek_header, read_header
from edgeseg.imaging.invalid_image import CUT_OFF, DAMAGED, SAVE_AS, InvalidImageError

MAX_PIXELS = 100_000_000
"""Fundus cameras take 0.3 to 50 megapixels."""

MAX_FILE_BYTES = 256 << 20
"""Of a photograph's file, and of what a gzipped one unpacks to."""

_GZIP, _GZIP_WINDOW = b"\x1f\x8b", 31
_MOST_BYTES_PER_PIXEL = 24  # A plain-text PPM of 16 bits needs 18.
_BAND = 64  # rows
_CAMERA_RANGES = (255, 1023, 4095, 16383, 65535)
_DAMAGE = re.compile(
    "Corrupt JPEG data: (?!bad ICC)|Premature end of JPEG|Inconsistent progression"
    "|TIFF_Error (?!TIFFReadDirectory|TIFFFetchDirectory)"  # A damaged further page does not matter.
)
_PADDING = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9\s*")

_Samples: TypeAlias = npt.NDArray[np.uint8 | np.uint16]


def decode_rgb(data: bytes) -> npt.NDArray[np.uint8]:
    """Bytes of an image file, gzipped or not -> (H, W, 3) uint8 RGB, contiguous.

    Raises:
        BrokenImageError: The reason why it cannot be decoded faithfully.
    """
    try:
        data = _unpacked(data)
        header = read_header(data)
        check_size(header.width, header.height)
        image = _eight_bits(_three_channels(_samples(data, header)), header.maximum)
    except MemoryError as error:
        raise InvalidImageError("too large for the memory that is free") from error
    for top in range(
        0, len(image), _BAND
    ):  # in place OpenCV copies first, which would be the whole photograph
        band = image[top : top + _BAND]
        cv2.cvtColor(band, cv2.COLOR_BGR2RGB, dst=band)
    return image


def check_size(width: int, height: int) -> None:
    """Refuse a picture without pixels, and one with more than a photograph can have.

    Raises:
        BrokenImageError: Either of them.
    """
    if width < 1 or height < 1:
        raise InvalidImageError("it holds no pixels")
    if width * height > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise InvalidImageError(
            f"{width} x {height} pixels are more than {limit} megapixels; make it smaller"
        )


def _unpacked(data: bytes) -> bytes:
    """Unpack gzip, but no more of it than the picture that it begins with can need."""
    if not data:
        raise InvalidImageError("the file is empty")
    if not data.startswith(_GZIP):
        return data
    try:
        limit = _unpacked_limit(zlib.decompressobj(_GZIP_WINDOW).decompress(data, 1 << 16))
        unpacker = zlib.decompressobj(_GZIP_WINDOW)
        unpacked = unpacker.decompress(data, limit)
    except zlib.error as error:
        raise InvalidImageError(f"gzip: {DAMAGED}") from error
    if not unpacker.eof:
        raise InvalidImageError(f"gzip: it unpacks to more than a photograph, or {CUT_OFF}")
    return unpacked


def _unpacked_limit(beginning: bytes) -> int:
    header = peek_header(beginning)
    if header is None:
        return MAX_FILE_BYTES
    check_size(header.width, header.height)
    if header.format == "tiff":  # It may have further pages.
        return MAX_FILE_BYTES
    return min(MAX_FILE_BYTES, (1 << 20) + _MOST_BYTES_PER_PIXEL * header.width * header.height)


def _samples(data: bytes, header: ImageHeader) -> _Samples:
    """Decode by OpenCV -> (H, W), or (H, W, 3) BGR, or (H, W, 4) BGR and alpha."""
    if data[:2] in {b"P1", b"P2", b"P3"}:
        data += b"\n"  # For OpenCV a plain-text picture must end with white space.
    # Unchanged keeps alpha, but ignores the orientation; the other way round without it.
    flags = cv2.IMREAD_UNCHANGED if header.alpha else cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    image, messages = capture_codec_warnings(lambda: _imdecode(data, flags))
    kind = f"a kind of {header.format.upper()} that cannot be read; {SAVE_AS}"
    if image is None:
        raise InvalidImageError(f"the file is damaged, or {kind}")
    if _says_damage(messages, data, header):
        raise InvalidImageError(DAMAGED)
    if {*image.shape[:2]} != {header.width, header.height} or image.dtype.name not in {
        "uint8",
        "uint16",
    }:
        raise InvalidImageError(kind)
    return image


def _imdecode(data: bytes, flags: int) -> _Samples | None:
    try:
        return cast("_Samples | None", cv2.imdecode(np.frombuffer(data, np.uint8), flags))
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        return None


def _says_damage(messages: str, data: bytes, header: ImageHeader) -> bool:
    padding = _PADDING.fullmatch(messages)
    if padding and header.format == "jpeg":
        # Some cameras fill up before the end marker; what follows a damage is not all zeros or ones.
        return bool(data[max(0, header.end - int(padding[1])) : header.end].strip(b"\x00\xff"))
    return _DAMAGE.search(messages) is not None


def _three_channels(image: _Samples) -> _Samples:
    """Grey to BGR; alpha away, and black where it says that there is nothing: the surround of a fundus."""
    if image.ndim == 2:
        return np.repeat(image[:, :, np.newaxis], 3, axis=2)
    if image.shape[2] == 3:
        return image
    alpha, colours = image[:, :, 3], np.ascontiguousarray(image[:, :, :3])
    if alpha.any():  # A channel that is 0 everywhere is an unused one, as in many BMPs.
        colours[alpha == 0] = 0
    return colours


def _eight_bits(image: _Samples, stated: int | None) -> npt.NDArray[np.uint8]:
    """Scale samples to 0..255: by the stated maximum, else by the smallest camera range that holds them."""
    if image.dtype == np.uint8 and stated in {None, 255}:
        return cast("npt.NDArray[np.uint8]", image)
    maximum = stated or 65535
    if maximum == 65535:
        brightest = int(image.max())
        maximum = next(top for top in _CAMERA_RANGES if brightest <= top)
    values = np.arange(np.iinfo(image.dtype).max + 1) * (255 / maximum)
    table = np.minimum(np.rint(values), 255).astype(np.uint8)
    return np.take(table, image)
