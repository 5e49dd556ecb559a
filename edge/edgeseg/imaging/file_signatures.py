"""Detection of photographs, videos and unsupported image formats from their first bytes."""

import re
from typing import Literal, NamedTuple, TypeAlias

FileKind: TypeAlias = Literal["photograph", "video", "unsupported_image", "unknown"]

SIGNATURE_BYTES = 4096
"""Number of bytes that `recognize_file` needs."""

IMAGE_FORMATS = "PNG, JPEG, TIFF, BMP, GIF, WebP, AVIF, JPEG 2000, PPM, PGM or DICOM"
"""Supported image formats, for messages."""

AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)

_PHOTOGRAPH = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|II[*+]\0|MM\0[*+]|GIF8[79]a|BM.{10}\0\0|P[1-6][\s#]|\x1f\x8b"
    rb"|RIFF....WEBP|\0\0\0\x0cjP  \r\n\x87\n|\xffO\xffQ",
    re.DOTALL,
)
# First element of a DICOM file without preamble: group 2 or 8, in explicit or implicit VR.
_EXPLICIT_LITTLE = re.compile(rb"([\x02\x08]\0).\0(?:UL|UI|CS|SH|LO|DA|TM)(..)", re.DOTALL)
_EXPLICIT_BIG = re.compile(rb"(\0\x08)\0.(?:UL|UI|CS|SH|LO|DA|TM)(..)", re.DOTALL)
_IMPLICIT = re.compile(rb"(\x08\0).\0(.[\0\x01]\0\0)", re.DOTALL)
# Signatures of image formats that are not supported.
_UNSUPPORTED = (
    ("JPEG XL", re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n")),
    ("JPEG XR", re.compile(rb"II\xbc\x01")),
    ("PSD", re.compile(rb"8BP[SB]")),
    ("PDF", re.compile(rb"%PDF-")),
    ("OpenEXR", re.compile(rb"v/1\x01")),
    ("PAM", re.compile(rb"P7\n")),
    ("PFM", re.compile(rb"P[fF]\n")),
    ("Radiance HDR", re.compile(rb"#\?RADIANCE|#\?RGBE")),
    ("SVG", re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<svg", re.DOTALL)),
)
# MP4 family (with or without `ftyp`), AVI, Matroska, MPEG, H.264 and H.265 without a container,
# MPEG transport streams (188 or 192 bytes per packet), ASF, FLV, Ogg and Y4M.
_VIDEO = re.compile(
    rb"....(?:ftyp|moov|mdat|wide|pnot)|RIFF....AVI |\x1a\x45\xdf\xa3|\0\0\x01[\xba\xb3]"
    rb"|\0?\0\0\x01(?:[\x07\x09\x27\x29\x47\x49\x67\x69]|[\x40\x42\x44\x46]\x01)"
    rb"|(?:G.{187}){3}|....(?:G.{191}){2}G|0&\xb2u\x8ef\xcf\x11|FLV\x01|OggS|YUV4MPEG2",
    re.DOTALL,
)


class RecognizedFile(NamedTuple):
    """Recognized kind of a file.

    Attributes:
        kind: kind of the file; `unknown` if no signature matches.
        format: name of an image format that is not supported; otherwise empty.
    """

    kind: FileKind
    format: str = ""


def recognize_file(beginning: bytes) -> RecognizedFile:
    """Recognize a file from its first bytes. The name is ignored.

    Files that are compressed with gzip, Motion JPEG files (which begin with a JPEG) and all DICOM
    files are recognized as photographs.

    Args:
        beginning: first `SIGNATURE_BYTES` bytes of the file, or all bytes of a shorter file.
    """
    if is_dicom(beginning) or _PHOTOGRAPH.match(beginning):
        return RecognizedFile("photograph")
    brands = isobmff_brands(beginning)
    if brands & AVIF_BRANDS:
        return RecognizedFile("photograph")
    if brands and beginning[8:12] in _HEIC_BRANDS:
        return RecognizedFile("unsupported_image", "HEIC")
    for name, signature in _UNSUPPORTED:
        if signature.match(beginning):
            return RecognizedFile("unsupported_image", name)
    if _VIDEO.match(beginning):
        return RecognizedFile("video")
    return RecognizedFile("unknown")


def is_dicom(beginning: bytes) -> bool:
    """Return whether a file is a DICOM file according to its first bytes.

    Args:
        beginning: first bytes of the file, at least 132 unless the file is shorter.
    """
    if beginning[128:132] == b"DICM":
        return True
    for pattern in (_EXPLICIT_LITTLE, _EXPLICIT_BIG, _IMPLICIT):
        first = pattern.match(beginning)
        if first is None:
            continue
        # The next element is in the same group.
        length = int.from_bytes(first[2], "big" if pattern is _EXPLICIT_BIG else "little")
        following = first.end() + length
        return beginning[following : following + 2] == first[1]
    return False


def isobmff_brands(beginning: bytes) -> frozenset[bytes]:
    """Return the brands of an MP4 or HEIF file. The brands specify the format.

    Args:
        beginning: first bytes of the file.

    Returns:
        Major and compatible brands, four bytes each; empty for other files.
    """
    if beginning[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(beginning[:4], "big"), len(beginning))
    compatible = {beginning[start : start + 4] for start in range(16, end - 3, 4)}
    return frozenset(compatible | {beginning[8:12]})
