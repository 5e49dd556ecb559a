"""Transfer syntaxes, which define the encoding of a DICOM file."""

from typing import Literal, TypeAlias

Compression: TypeAlias = Literal["none", "rle", "jpeg", "jpeg_lossless", "jpeg_ls", "jpeg2000"]

DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"

COMPRESSIONS: dict[str, Compression] = {
    "1.2.840.10008.1.2": "none",  # implicit VR, little endian
    EXPLICIT_LITTLE_ENDIAN: "none",
    "1.2.840.10008.1.2.2": "none",  # explicit VR, big endian
    "1.2.840.10008.1.2.5": "rle",
    "1.2.840.10008.1.2.4.50": "jpeg",  # baseline
    "1.2.840.10008.1.2.4.51": "jpeg",  # extended
    "1.2.840.10008.1.2.4.57": "jpeg_lossless",
    JPEG_LOSSLESS: "jpeg_lossless",
    "1.2.840.10008.1.2.4.80": "jpeg_ls",
    "1.2.840.10008.1.2.4.81": "jpeg_ls",
    "1.2.840.10008.1.2.4.90": "jpeg2000",
    "1.2.840.10008.1.2.4.91": "jpeg2000",
}
"""Supported transfer syntaxes. A deflated file is decompressed before it is read."""
