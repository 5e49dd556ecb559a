"""Text in the header of DICOM results, with the provenance and a checksum.

The text is stored as Private Information in the file meta information. A PACS does not keep this
text. Reading the text does not require pydicom.
"""

import re
import zlib
from collections.abc import Mapping
from pathlib import Path

from edgeseg.system.regular_files import open_regular_file, read_regular_file

_CREATOR_UID = "2.25.121665078787248225341400551543235642734"
_CHECKSUM = "crc32=00000000\n"
_MAX_HEADER_BYTES = 4096
_MAX_FILE_BYTES = 1 << 30
# Element Private Information (0002,0102) with VR OB, and its length.
_ELEMENT = re.compile(rb"\x02\0\x02\x01OB\0\0(..)\0\0crc32=([0-9a-f]{8})\n", re.DOTALL)


def private_information(texts: Mapping[str, str]) -> tuple[str, bytes]:
    """Return the creator and the value of Private Information, with an empty checksum.

    Args:
        texts: key and value of each line. ASCII.
    """
    lines = "".join(f"{key}={value}\n" for key, value in texts.items())
    value = (_CHECKSUM + lines).encode("ascii")
    return _CREATOR_UID, value + b"\n" * (len(value) % 2)


def insert_checksum(data: bytes) -> bytes:
    """Return a DICOM file with the checksum of all bytes after the checksum."""
    element = _ELEMENT.search(data, 0, _MAX_HEADER_BYTES)
    assert element is not None
    checksum = f"{zlib.crc32(memoryview(data)[element.end() :]):08x}".encode()
    return b"".join((data[: element.start(2)], checksum, data[element.end(2) :]))


def read_private_text(path: Path) -> dict[str, str]:
    """Read the text of a DICOM file that edgeseg wrote. Return {} for other files.

    Raises:
        OSError: The file cannot be read.
    """
    with open_regular_file(path) as file:
        beginning = file.read(_MAX_HEADER_BYTES)
    element = _ELEMENT.search(beginning)
    if element is None or beginning[128:132] != b"DICM":
        return {}
    end = element.end(1) + 2 + int.from_bytes(element[1], "little")
    lines = beginning[element.end() : end].decode("ascii", "replace").splitlines()
    texts: dict[str, str] = {}
    for line in lines:
        key, separator, value = line.partition("=")
        if separator:
            texts[key] = value
    return texts


def is_intact_dicom(path: Path) -> bool:
    """Verify the checksum of a DICOM file written by edgeseg."""
    try:
        data = read_regular_file(path, _MAX_FILE_BYTES)
    except (OSError, ValueError):
        return False
    element = _ELEMENT.search(data, 0, _MAX_HEADER_BYTES)
    if element is None:
        return False
    return int(element[2], 16) == zlib.crc32(memoryview(data)[element.end() :])
