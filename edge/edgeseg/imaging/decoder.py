"""Image decoder: OpenCV's codecs, and checks for damage that these codecs do not report."""

import re
import zlib
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.errors import CUT_OFF, DAMAGED, SAVE_AS, InvalidImageError, missing_dicom
from edgeseg.imaging.arrays import row_bands
from edgeseg.imaging.codec_warnings import capture_codec_warnings
from edgeseg.imaging.file_headers import peek_header, read_header
from edgeseg.imaging.file_signatures import SIGNATURE_BYTES, is_dicom
from edgeseg.imaging.gzip_files import (
    GZIP_SIGNATURE,
    decompress_beginning,
    gzip_decompressor,
)
from edgeseg.imaging.image_header import ImageHeader
from edgeseg.imaging.jpeg import decode_plain_jpeg
from edgeseg.imaging.orientation import apply_orientation
from edgeseg.imaging.sample_range import Samples, estimate_maximum, scale_to_uint8
from edgeseg.imaging.size_limits import check_memory, check_size
from edgeseg.imaging.tiff_pages import TIFF_SIGNATURES, list_tiff_pages, select_tiff_page
from edgeseg.system.allocator import release_freed_memory

MAX_FILE_BYTES = 256 << 20  # limit for a photograph file, before and after decompression

_MIN_RELEASE_BYTES = 32 << 20  # decompressed files above this size leave many freed blocks
_MAX_BYTES_PER_PIXEL = 24  # a plain-text PPM with 16 bits per sample has 18 bytes per pixel
_DAMAGE = re.compile(
    "Corrupt JPEG data: (?!bad ICC)|Premature end of JPEG|Inconsistent progression"
    "|TIFF_Error (?!TIFFReadDirectory|TIFFFetchDirectory)"  # damage in another page is not relevant
    "|TIFF_Warning (?:JPEGLib|PackBitsDecode|Fax[34]|LZW|ZIP)"
)
_PADDING = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9\s*")


def decode_rgb(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode an image file, which may be compressed with gzip.

    Args:
        data: bytes of the file.

    Returns:
        (H, W, 3) uint8 RGB, contiguous.

    Raises:
        InvalidImageError: the file cannot be decoded correctly.
    """
    packed_bytes = len(data) if data.startswith(GZIP_SIGNATURE) else 0
    data = unpack_gzip(data)
    if is_dicom(data[:SIGNATURE_BYTES]):
        try:
            from edgeseg.dicom.frame import decode_first_frame  # noqa: PLC0415 - requires the extra
        except ModuleNotFoundError as error:
            raise missing_dicom() from error
        return decode_first_frame(data)
    return decode_image(data, packed_bytes)


def decode_image(data: bytes, packed_bytes: int = 0) -> npt.NDArray[np.uint8]:
    """Decode an image file that is neither gzipped nor DICOM; see `decode_rgb`.

    Args:
        data: bytes of the file.
        packed_bytes: size of the gzip file from which the data were decompressed, which is also in
            memory; 0 if the file was not gzipped.

    Raises:
        InvalidImageError: the file cannot be decoded correctly.
    """
    try:
        if data.startswith(TIFF_SIGNATURES):
            pages = list_tiff_pages(data).photographs
            data = select_tiff_page(data, pages[0]) if pages else data
        header = read_header(data)
        check_size(header.width, header.height)
        check_memory(header, len(data) + packed_bytes)
        if header.format == "jpeg":
            photo = decode_plain_jpeg(data)
            if photo is not None:
                return photo
        # Each step frees the result of the previous step.
        image = _to_bgr(_decode_uint8(data, header))
    except MemoryError as error:
        raise InvalidImageError(
            "not enough free memory for the image. Free some memory.", "too_large"
        ) from error
    # OpenCV copies the input of an in-place conversion. The conversion in bands keeps this copy
    # small.
    for rows in row_bands(len(image)):
        band = image[rows]
        cv2.cvtColor(band, cv2.COLOR_BGR2RGB, dst=band)
    return image


def unpack_gzip(data: bytes) -> bytes:
    """Decompress gzip data. The result is limited to the maximum size of a photograph file.

    Raises:
        InvalidImageError: the file is empty, damaged, or too large for a photograph.
    """
    if not data:
        raise InvalidImageError("the file is empty")
    if not data.startswith(GZIP_SIGNATURE):
        return data
    try:
        beginning = decompress_beginning(data, 1 << 16)
        limit = _max_unpacked_bytes(beginning)
        unpacker = gzip_decompressor()
        unpacked = unpacker.decompress(data, limit)
    except zlib.error as error:
        raise InvalidImageError(f"gzip: {DAMAGED}") from error
    if not unpacker.eof and len(unpacked) >= limit:
        raise InvalidImageError(
            "the decompressed file is too large. Use a smaller photograph.", "too_large"
        )
    if not unpacker.eof:
        raise InvalidImageError(CUT_OFF)
    if len(unpacked) > _MIN_RELEASE_BYTES:
        release_freed_memory()  # the decompressed blocks
    return unpacked


def _max_unpacked_bytes(beginning: bytes) -> int:
    header = peek_header(beginning)
    if header is None:
        return MAX_FILE_BYTES
    check_size(header.width, header.height)
    if header.format in {"tiff", "dicom"}:  # the file may contain other pages
        return MAX_FILE_BYTES
    return min(MAX_FILE_BYTES, (1 << 20) + _MAX_BYTES_PER_PIXEL * header.width * header.height)


def _decode_samples(data: bytes, header: ImageHeader) -> Samples:
    """Decode with OpenCV to (H, W) grey, (H, W, 3) BGR or (H, W, 4) BGR and alpha."""
    if data.startswith((b"P1", b"P2", b"P3")):
        data += b"\n"  # OpenCV requires a final white space in a plain-text image
    # IMREAD_UNCHANGED keeps alpha and ignores the orientation. The other flags remove alpha and
    # apply the orientation.
    unchanged = header.alpha or header.grey
    flags = cv2.IMREAD_UNCHANGED if unchanged else cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    if header.format == "png":  # PNG files are verified with their checksums
        image, messages = _imdecode(data, flags), ""
    else:
        image, messages = capture_codec_warnings(lambda: _imdecode(data, flags))
    unsupported = f"an unsupported kind of {header.format.upper()}. {SAVE_AS}"
    if image is None:
        raise InvalidImageError(f"the file is damaged, or {unsupported}")
    if _is_damaged(messages, data, header):
        raise InvalidImageError(DAMAGED)
    same_size = {*image.shape[:2]} == {header.width, header.height}
    if not same_size or image.dtype not in (np.uint8, np.uint16):
        raise InvalidImageError(unsupported, "unsupported_format")
    return apply_orientation(image, header.orientation) if unchanged else image


def _decode_uint8(data: bytes, header: ImageHeader) -> npt.NDArray[np.uint8]:
    """Decode with OpenCV to (H, W) grey, (H, W, 3) BGR or (H, W, 4) BGR and alpha, 8 bits."""
    return _to_uint8(_decode_samples(data, header), header.maximum)


def _imdecode(data: bytes, flags: int) -> Samples | None:
    try:
        return cast("Samples | None", cv2.imdecode(np.frombuffer(data, np.uint8), flags))
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        return None


def _is_damaged(messages: str, data: bytes, header: ImageHeader) -> bool:
    """Return whether the codecs' messages report damaged pixels."""
    padding = _PADDING.fullmatch(messages)
    if padding and header.format == "jpeg":
        # Some cameras write padding (0x00 or 0xFF) before the end marker. If the skipped bytes have
        # other values, the file is damaged.
        start = max(0, header.end - int(padding[1]))
        return bool(data[start : header.end].strip(b"\x00\xff"))
    return _DAMAGE.search(messages) is not None


def _to_bgr(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Convert grey to BGR, or remove alpha. Transparent pixels are already black."""
    if image.ndim == 2:
        return np.repeat(image[:, :, np.newaxis], 3, axis=2)
    return np.ascontiguousarray(image[:, :, :3])


def _to_uint8(image: Samples, stated_maximum: int | None) -> npt.NDArray[np.uint8]:
    """Scale samples to 0..255 by the maximum in the header, or by the estimated range."""
    if image.ndim == 3 and image.shape[2] == 4:
        _blacken_transparent(image)
    if image.dtype == np.uint8 and stated_maximum in {None, 255}:
        return cast("npt.NDArray[np.uint8]", image)
    colours = image if image.ndim == 2 else image[:, :, :3]
    maximum = stated_maximum
    if maximum is None or maximum == 65535:  # most 16-bit files contain samples with fewer bits
        maximum = estimate_maximum(cast("npt.NDArray[np.uint16]", colours))
    return scale_to_uint8(colours, maximum)


def _blacken_transparent(image: Samples) -> None:
    """Set transparent pixels of a BGRA image to black, the usual colour around a fundus."""
    if not image[:, :, 3].any():  # the channel is unused, as in many BMP files
        return
    for rows in row_bands(len(image)):
        band = image[rows]
        band[band[:, :, 3] == 0] = 0
