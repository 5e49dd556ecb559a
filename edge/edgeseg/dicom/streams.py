"""Comparison of the compressed stream of a frame with the header of the file."""

import struct
from typing import NamedTuple

from edgeseg.dicom.instance import DicomInstance, PixelLayout
from edgeseg.dicom.values import read_text
from edgeseg.errors import CUT_OFF, DAMAGED, InvalidImageError, escape_text
from edgeseg.imaging.jpeg2000 import (
    CODESTREAM_SIGNATURE,
    JP2_SIGNATURE,
    has_component_transform,
    read_jpeg2000,
)
from edgeseg.imaging.jpeg_markers import START_OF_FRAME, START_OF_SCAN, walk_markers

_JPEG_LS_FRAME, _LOSSLESS_FRAME = 0xF7, 0xC3
_APPLICATION_0, _APPLICATION_1, _APPLICATION_14 = 0xE0, 0xE1, 0xEE
# Adobe's APP14 segment with transform 0, which means that the components are red, green and blue.
_ADOBE_RGB = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"
_JFIF_BYTES, _ADOBE_BYTES = 14, 12  # decoders ignore shorter segments
_RGB_IDENTIFIERS = b"RGB"


class JpegFrame(NamedTuple):
    """Frame header of a JPEG or JPEG-LS stream.

    Attributes:
        code: marker of the frame, such as 0xC0 for baseline.
        bits: bits per sample.
        identifiers: identifier of each component.
        colour_marked: whether a JFIF or Adobe segment specifies the colour space.
    """

    code: int
    bits: int
    identifiers: bytes
    colour_marked: bool

    @property
    def is_lossless(self) -> bool:
        """True for lossless JPEG, process 14."""
        return self.code == _LOSSLESS_FRAME


def read_jpeg_frame(stream: bytes, layout: PixelLayout) -> JpegFrame:
    """Read the frame header of a JPEG or JPEG-LS stream and compare it with the file's header.

    Raises:
        InvalidImageError: The stream is damaged, or has another size or number of components.
    """
    if not stream.startswith(b"\xff\xd8"):
        raise InvalidImageError(f"a frame without a JPEG stream: {DAMAGED}")
    colour_marked = False
    for marker in walk_markers(stream, 2):
        segment = stream[marker.end + 2 : marker.segment_end]
        if marker.code == _APPLICATION_0:
            colour_marked |= segment.startswith(b"JFIF\0") and len(segment) >= _JFIF_BYTES
        if marker.code == _APPLICATION_14:
            colour_marked |= segment.startswith(b"Adobe") and len(segment) >= _ADOBE_BYTES
        if marker.code == START_OF_SCAN:
            break
        if marker.code not in START_OF_FRAME and marker.code != _JPEG_LS_FRAME:
            continue
        if len(segment) < 6 or len(segment) < 6 + 3 * segment[5]:
            break
        bits, rows, columns, components = struct.unpack_from(">BHHB", segment)
        _check_equal((columns, rows, components), layout)
        identifiers = segment[6 : 6 + 3 * components : 3]
        return JpegFrame(marker.code, bits, identifiers, colour_marked)
    raise InvalidImageError(f"a JPEG stream without a frame header: {DAMAGED}")


def normalize_jpeg(stream: bytes, frame: JpegFrame, layout: PixelLayout) -> bytes:
    """Return a JPEG stream that decoders interpret according to DICOM.

    The colour space is read from a JFIF segment, an Adobe segment or the identifiers of the
    components. If none of them defines it, the photometric interpretation is used. The EXIF
    orientation is removed, because DICOM pixels are never rotated.
    """
    parts = [stream[:2]]
    is_rgb = layout.samples == 3 and layout.photometric == "RGB"
    if is_rgb and not frame.colour_marked and frame.identifiers != _RGB_IDENTIFIERS:
        parts.append(_ADOBE_RGB)
    position = 2
    for marker in walk_markers(stream, 2):
        if marker.code == START_OF_SCAN:
            break
        if marker.code == _APPLICATION_1:
            parts.append(stream[position : marker.start])
            position = min(marker.segment_end, len(stream))
    parts.append(stream[position:].rstrip(b"\0"))
    return b"".join(parts)


def check_jpeg2000(stream: bytes, instance: DicomInstance) -> bool:
    """Compare a JPEG 2000 stream with the file's header.

    Returns:
        Whether the stream contains a colour transform, which the decoder inverts.

    Raises:
        InvalidImageError: The stream is scrambled, damaged, or has another size.
    """
    if not stream.startswith((JP2_SIGNATURE, CODESTREAM_SIGNATURE)):
        manufacturer = escape_text(read_text(instance.dataset, "Manufacturer"), 60)
        raise InvalidImageError(
            f"the JPEG 2000 pixels of {manufacturer or 'an unknown manufacturer'} are scrambled "
            "or damaged. Export the photograph in a standard format.",
            "unsupported_format",
        )
    try:
        header = read_jpeg2000(stream, complete=True)
    except struct.error as error:
        raise InvalidImageError(CUT_OFF) from error
    _check_equal((header.width, header.height, 1 if header.grey else 3), instance.layout)
    return has_component_transform(stream)


def _check_equal(stated: tuple[int, int, int], layout: PixelLayout) -> None:
    """Check that a stream has the columns, rows and samples of the file's header."""
    if stated != (layout.columns, layout.rows, layout.samples):
        raise InvalidImageError(
            f"a frame of {stated[0]} x {stated[1]} pixels and {stated[2]} samples in a file of "
            f"{layout.columns} x {layout.rows} pixels and {layout.samples} samples: {DAMAGED}"
        )
