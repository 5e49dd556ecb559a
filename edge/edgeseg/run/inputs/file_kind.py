"""Kind of a file: photograph, mask, video, result of edgeseg, or another file."""

import re
import struct
from pathlib import Path
from typing import Literal, TypeAlias

from edgeseg.imaging.file_signatures import SIGNATURE_BYTES, is_dicom, recognize_file
from edgeseg.imaging.gzip_files import unpack_beginning
from edgeseg.imaging.photo import is_photograph
from edgeseg.run.inputs.input import is_video_name
from edgeseg.run.inputs.mask_files import is_mask
from edgeseg.run.inputs.names import is_result_name
from edgeseg.system.regular_files import open_regular_file

FileKind: TypeAlias = Literal["photograph", "mask", "video", "result", "other"]

# Text of a PNG result, or comment of a JPEG result.
_RESULT_TEXT = re.compile(rb"(?:tEXt|\xff\xfe..)edgeseg:", re.DOTALL)
# Manufacturer in a DICOM result. A PACS does not change this value.
_RESULT_DICOM = re.compile(rb"\x08\0\x70\0(?:LO..|....)edgeseg", re.DOTALL)
_SIGNATURES = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"II*\0", b"MM\0*", b"II+\0", b"MM\0+",  # TIFF, and most raw formats of cameras
    # These formats have unsupported variants, which are reported when the file is read.
    b"8BPS",
    b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51",  # JPEG 2000
    b"\0\0\0\x0cJXL ", b"\xff\x0a\xfa", b"\xff\x0a\x41",  # JPEG XL
    b"FUJIFILMCCD-RAW",
    b"\x76\x2f\x31\x01",  # OpenEXR
    b"#?RADIANCE",
)  # fmt: skip
_BMP_HEADER_BYTES = (12, 40, 52, 56, 64, 108, 124)
_IMAGE_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis",
                   b"crx ")  # fmt: skip


def classify_file(path: Path) -> FileKind:
    """Return the kind of a regular file from its name and content.

    Images of an unsupported format are photographs. The same is true for damaged, empty or
    unreadable files with the suffix of a photograph. Therefore these files are reported as failed.
    """
    if is_result(path):
        return "result"
    try:
        beginning = _read_beginning(path)
    except OSError:
        return "photograph" if is_photograph(path) else "other"
    if is_video_name(path) or recognize_file(beginning).kind == "video":
        return "video"
    if _is_image(unpack_beginning(beginning)):
        return "mask" if is_mask(path) else "photograph"
    return "photograph" if is_photograph(path) else "other"


def is_result(path: Path) -> bool:
    """Return whether a file is a result of edgeseg, from its name and content."""
    if is_result_name(path):
        return True
    try:
        beginning = _read_beginning(path)
    except OSError:
        return False
    return _RESULT_TEXT.search(beginning) is not None or (
        is_dicom(beginning) and _RESULT_DICOM.search(beginning) is not None
    )


def _read_beginning(path: Path) -> bytes:
    with open_regular_file(path) as file:
        return file.read(SIGNATURE_BYTES)


def _is_image(beginning: bytes) -> bool:
    if beginning.startswith(_SIGNATURES) or is_dicom(beginning):
        return True
    if beginning.startswith(b"BM") and len(beginning) >= 18:
        (header_bytes,) = struct.unpack_from("<I", beginning, 14)
        return header_bytes in _BMP_HEADER_BYTES
    if beginning[:1] == b"P" and beginning[1:2] in b"1234567f":
        return beginning[2:3] in (b" ", b"\n", b"\r", b"\t", b"#")
    if beginning.startswith(b"RIFF"):
        return beginning[8:12] == b"WEBP"
    return beginning[4:8] == b"ftyp" and beginning[8:12] in _IMAGE_BRANDS
