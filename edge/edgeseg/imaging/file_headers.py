"""Headers of image files. Format, size and completeness are checked before OpenCV decodes a file.

For truncated files, OpenCV returns wrong pixels without an error: a JPEG becomes partly grey, and
some TIFF files contain unrelated memory. Such files are rejected here, so that they are not
segmented.
"""

import math
import re
import struct
import zlib
from collections.abc import Callable

from edgeseg.errors import (
    CUT_OFF,
    DAMAGED,
    SAVE_AS,
    InvalidImageError,
    missing_dicom,
    unsupported_format,
)
from edgeseg.imaging import bmp
from edgeseg.imaging.avif import read_avif
from edgeseg.imaging.file_signatures import (
    AVIF_BRANDS,
    IMAGE_FORMATS,
    SIGNATURE_BYTES,
    is_dicom,
    isobmff_brands,
    recognize_file,
)
from edgeseg.imaging.image_header import ImageHeader
from edgeseg.imaging.jpeg2000 import CODESTREAM_SIGNATURE, JP2_SIGNATURE, read_jpeg2000
from edgeseg.imaging.jpeg_markers import (
    END_OF_IMAGE,
    START_OF_FRAME,
    START_OF_SCAN,
    walk_markers,
)
from edgeseg.imaging.jpeg_zeros import has_blank_bytes
from edgeseg.imaging.orientation import read_orientation
from edgeseg.imaging.size_limits import check_size
from edgeseg.imaging.tiff import TiffDirectory
from edgeseg.imaging.tiff_pages import TIFF_SIGNATURES
from edgeseg.imaging.webp import read_webp

# Cameras write 1 to 12 scans. The decoder processes all pixels for each scan, even if the scan has
# few bytes.
_MAX_JPEG_SCANS = 100
# Frame types that libjpeg-turbo does not decode.
_UNSUPPORTED_FRAMES = {
    0xC3: "lossless JPEG",
    0xC5: "hierarchical JPEG",
    0xC6: "hierarchical JPEG",
    0xC7: "hierarchical JPEG",
    0xF7: "JPEG-LS",
}
_MAX_PNM_HEADER = 1 << 16
_OUT_OF_RANGE = (struct.error, IndexError, OverflowError)  # OverflowError: TIFF offsets
_PNM = re.compile(rb"P([1-6])" + 2 * rb"(?:\s|#[^\n]*\n)+([0-9]{1,9})")
_PNM_MAXIMUM = re.compile(rb"(?:\s|#[^\n]*\n)+([0-9]{1,5})\s")


def read_header(data: bytes) -> ImageHeader:
    """Read the header of a complete image file and check that the file is complete.

    Raises:
        InvalidImageError: the format is unknown or not supported, or the file is truncated or
            damaged.
    """
    try:
        return _select_reader(data)(data, True)
    except _OUT_OF_RANGE as error:
        raise InvalidImageError(CUT_OFF) from error


def peek_header(beginning: bytes) -> ImageHeader | None:
    """Read the header from the first bytes of an image file.

    Returns:
        Header; None if these bytes do not contain the size. Completeness is not checked.

    Raises:
        InvalidImageError: the bytes are not the beginning of an image file.
    """
    try:
        return _select_reader(beginning)(beginning, False)
    except _OUT_OF_RANGE:
        return None


def _select_reader(data: bytes) -> Callable[[bytes, bool], ImageHeader]:
    if is_dicom(data[:SIGNATURE_BYTES]):
        return _read_dicom
    for signature, reader in _READERS:
        if data.startswith(signature):
            return reader
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return read_webp
    if isobmff_brands(data[:SIGNATURE_BYTES]) & AVIF_BRANDS:
        return read_avif
    recognized = recognize_file(data[:SIGNATURE_BYTES])
    if recognized.kind == "unsupported_image":
        raise unsupported_format(recognized.format)
    if recognized.kind == "video":
        raise InvalidImageError("a video, not a photograph. Save a frame of the video as PNG.")
    raise InvalidImageError(
        f"neither a {IMAGE_FORMATS} image nor a video. Convert the file to one of these formats."
    )


# If `complete` is true, `data` is the whole file, and a reader checks that no bytes are missing.
# The errors in _OUT_OF_RANGE mean that there are too few bytes.


def _read_dicom(data: bytes, complete: bool) -> ImageHeader:
    try:
        from edgeseg.dicom.instance import read_dicom_header  # noqa: PLC0415 - requires the extra
    except ModuleNotFoundError as error:
        raise missing_dicom() from error
    return read_dicom_header(data, complete)


def _read_png(data: bytes, complete: bool) -> ImageHeader:
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    alpha = colour in {4, 6}
    position, name = 8, b""
    while complete and name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        (checksum,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(memoryview(data)[position + 4 : end]) != checksum:
            raise InvalidImageError(f"a PNG checksum does not match: {DAMAGED}")
        alpha |= name == b"tRNS"
        position = end + 4
    grey = colour == 0 and not alpha
    channels = 1 if grey else 3 + alpha
    sample_bytes = 2 if bits == 16 else 1
    decoder_bytes = max(2 * channels * sample_bytes - 3, 1)  # OpenCV copies the decoded image
    return ImageHeader(
        "png",
        width,
        height,
        alpha=alpha,
        grey=grey,
        decoder_bytes=decoder_bytes,
        orientation=read_orientation(data),
    )


def _read_jpeg(data: bytes, complete: bool) -> ImageHeader:
    """Read all segments. A photograph is complete if an end marker follows its scans."""
    width, height, scans, decoder_bytes = 0, 0, 0, 3
    for marker in walk_markers(data, 2):
        if marker.code in _UNSUPPORTED_FRAMES and not scans:
            raise unsupported_format(_UNSUPPORTED_FRAMES[marker.code])
        if marker.code == END_OF_IMAGE and scans:
            if has_blank_bytes(data, marker.start):
                raise InvalidImageError(DAMAGED)
            return ImageHeader("jpeg", width, height, end=marker.start, decoder_bytes=decoder_bytes)
        if marker.code == END_OF_IMAGE:
            break
        if marker.code in START_OF_FRAME and not height:
            height, width = struct.unpack_from(">HH", data, marker.end + 3)
            if marker.code not in {0xC0, 0xC1}:
                decoder_bytes = max(3, _coefficient_bytes(data, marker.end + 7))
            if not complete:
                return ImageHeader("jpeg", width, height, decoder_bytes=decoder_bytes)
        scans += marker.code == START_OF_SCAN
        if scans > _MAX_JPEG_SCANS:
            raise InvalidImageError(
                f"a JPEG with more than {_MAX_JPEG_SCANS} scans is not supported. {SAVE_AS}",
                "unsupported_format",
            )
    raise IndexError


def _coefficient_bytes(data: bytes, start: int) -> int:
    """Return the bytes per pixel for the coefficients of a JPEG, which have 16 bits each.

    Args:
        data: bytes of the file.
        start: offset of the number of components.
    """
    factors = data[start + 2 : start + 1 + 3 * data[start] : 3]
    samples = [(factor >> 4) * (factor & 15) for factor in factors]
    return math.ceil(2 * sum(samples) / max(1, *samples, 1))


def _read_gif(data: bytes, complete: bool) -> ImageHeader:
    """Read the blocks up to the end of the first image. Other frames are not read."""
    width, height, packed = struct.unpack_from("<HHB", data, 6)
    header = ImageHeader("gif", width, height, alpha=True, decoder_bytes=10)
    if not complete:
        return header
    position = 13 + _gif_palette_bytes(packed)
    while data[position] == 0x21:
        position = _skip_gif_blocks(data, position + 2)
    if data[position] != 0x2C:
        raise InvalidImageError(f"a GIF without an image: {DAMAGED}")
    left, top, columns, rows, packed = struct.unpack_from("<HHHHB", data, position + 1)
    if left + columns > width or top + rows > height:
        raise InvalidImageError(f"a GIF image larger than its frame: {DAMAGED}")
    _skip_gif_blocks(data, position + 11 + _gif_palette_bytes(packed))
    return header


def _gif_palette_bytes(packed: int) -> int:
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _skip_gif_blocks(data: bytes, position: int) -> int:
    while data[position]:
        position += 1 + data[position]
    return position + 1


def _read_bmp(data: bytes, complete: bool) -> ImageHeader:
    offset, size = struct.unpack_from("<II", data, 10)
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    uncompressed = compression in {0, 3}
    row_bytes = (width * bits + 31) // 32 * 4
    if complete and uncompressed and offset + row_bytes * abs(height) > len(data):
        raise InvalidImageError(CUT_OFF)
    if complete and compression in {bmp.RLE8, bmp.RLE4}:
        check_size(width, abs(height))
        if not bmp.is_rle_complete(data, offset, (width, abs(height)), compression):
            raise InvalidImageError(f"a BMP with missing pixels: {DAMAGED}")
    alpha = bits == 32
    return ImageHeader("bmp", width, abs(height), alpha=alpha, decoder_bytes=5 if alpha else 3)


def _read_pnm(data: bytes, complete: bool) -> ImageHeader:
    beginning = data[:_MAX_PNM_HEADER]
    size = _PNM.match(beginning)
    if size is None:
        raise InvalidImageError(f"a PPM or PGM without a size: {DAMAGED}")
    kind, width, height = map(int, size.groups())
    if kind in {1, 4}:
        maximum, pixels_start, sample_bytes = None, size.end() + 1, 1
    else:
        stated = _PNM_MAXIMUM.match(beginning, size.end())
        if stated is None or not 0 < int(stated[1]) < 65536:
            raise InvalidImageError(f"a PPM or PGM without a maximum: {DAMAGED}")
        maximum, pixels_start = int(stated[1]), stated.end()
        sample_bytes = 2 if maximum > 255 else 1
        if kind in {2, 3} and maximum <= 255:
            maximum = None  # OpenCV scales these samples
    # Plain-text PNM files (P1 to P3) have no fixed number of bytes.
    row_bytes = {4: (width + 7) // 8, 5: width, 6: width * 3}.get(kind, 0) * sample_bytes
    if complete and pixels_start + row_bytes * height > len(data):
        raise InvalidImageError(CUT_OFF)
    grey = kind in {2, 5}
    decoder_bytes = 1 if grey else 6 * sample_bytes - 3
    return ImageHeader(
        "pnm", width, height, maximum=maximum, grey=grey, decoder_bytes=decoder_bytes
    )


def _read_tiff(data: bytes, complete: bool) -> ImageHeader:
    directory = TiffDirectory.read(data)
    width, height = directory.size
    if complete:
        directory.check(data)
    return ImageHeader(
        "tiff",
        width,
        height,
        alpha=directory.alpha,
        maximum=directory.maximum,
        decoder_bytes=directory.decoder_bytes,
    )


_READERS = (
    (b"\x89PNG\r\n\x1a\n", _read_png),
    (b"\xff\xd8\xff", _read_jpeg),
    (TIFF_SIGNATURES, _read_tiff),
    ((b"GIF87a", b"GIF89a"), _read_gif),
    (b"BM", _read_bmp),
    ((JP2_SIGNATURE, CODESTREAM_SIGNATURE), read_jpeg2000),
    ((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"), _read_pnm),
)
