"""Header fields of an image file that are required for decoding."""

from typing import Literal, NamedTuple, TypeAlias

from edgeseg.imaging.orientation import UPRIGHT

ImageFormat: TypeAlias = Literal[
    "png", "jpeg", "tiff", "gif", "bmp", "pnm", "webp", "avif", "jpeg2000", "dicom"
]


class ImageHeader(NamedTuple):
    """Header of the first image in a file.

    Attributes:
        format: file format, detected from the content.
        width: number of columns before the EXIF orientation is applied.
        height: number of rows before the EXIF orientation is applied.
        alpha: whether the file may have a transparency channel.
        maximum: sample value of white, if the file specifies it (PNM, TIFF, AVIF, JPEG 2000).
        end: offset of the end marker of a JPEG; 0 for other formats.
        grey: whether the file has one channel.
        decoder_bytes: bytes per pixel that decoding requires in addition to the RGB image, if
            known.
        orientation: EXIF orientation, 1 to 8, of an image with one channel or with transparency.
            OpenCV applies the orientation of other images.
    """

    format: ImageFormat
    width: int
    height: int
    alpha: bool = False
    maximum: int | None = None
    end: int = 0
    grey: bool = False
    decoder_bytes: int = 3
    orientation: int = UPRIGHT
