"""Photographs in every format, read by the decoder or as files in a folder."""

import gzip
import struct
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from edgeseg.errors import CheckError
from edgeseg.imaging.file_text import PNG_SIGNATURE
from edgeseg.imaging.photo import decode_photo
from edgeseg.run.inputs.file_kind import classify_file
from edgeseg.run.inputs.input import Input
from edgeseg.run.sources.photographs import Photographs
from edgeseg.system.signals import StopRequest
from fuzz.reader import Outcome, Reader
from fuzz.sample_images import FILES, make_image, write_with_pillow

_VISIBLE_LEVELS, _VISIBLE_SHARE = 16, 0.01
_RASTER_FORMATS = ("JPEG", "PNG", "TIFF, LZW", "TIFF, deflate", "BMP, RLE8", "GIF")


def compare_images(value: object, expected: object) -> Outcome:
    """Compare arrays (H, W, 3).

    A difference is visible if more than 1 % of the pixels differ by 16 levels.
    """
    if isinstance(value, tuple) and isinstance(expected, tuple):
        if len(value) != len(expected):
            return "visible"
        outcomes = {compare_images(*pair) for pair in zip(value, expected, strict=True)}
        return next(name for name in ("visible", "different", "same") if name in outcomes)
    image, other = np.asarray(value), np.asarray(expected)
    if image.shape != other.shape:
        return "visible"
    difference = np.abs(image.astype(np.int16) - other)
    if not difference.any():
        return "same"
    share = float((difference.max(axis=2) > _VISIBLE_LEVELS).mean())
    return "visible" if share > _VISIBLE_SHARE else "different"


def repair_png(data: bytes) -> bytes:
    """Correct a PNG's checksums up to the first chunk with an invalid length."""
    repaired = bytearray(data)
    position = len(PNG_SIGNATURE)
    while position + 12 <= len(repaired):
        (length,) = struct.unpack_from(">I", repaired, position)
        end = position + 8 + length
        if end + 4 > len(repaired):
            break
        struct.pack_into(">I", repaired, end, zlib.crc32(repaired[position + 4 : end]))
        position = end + 4
    return bytes(repaired)


def _read_bytes(data: bytes, _folder: Path) -> object:
    return decode_photo(data)


def _read_file(data: bytes, folder: Path) -> object:
    """Read a file in a folder with all pages, as in `edgeseg run`."""
    file = folder / "photograph.tif"
    file.write_bytes(data)
    kind = classify_file(file)
    if kind != "photograph":
        raise CheckError(f"skipped: {kind}")
    photographs = Photographs([Input(str(file), file.stem, file)])
    images = []
    for frame in filter(None, photographs.frames(StopRequest())):
        payload = frame.load()
        assert isinstance(payload, bytes)
        images.append(decode_photo(payload, frame.name))
    return tuple(images)


def _image_reader(name: str) -> Reader:
    others = tuple(FILES[other]() for other in _RASTER_FORMATS if other != name)
    return Reader(name, FILES[name](), _read_bytes, compare=compare_images, others=others)


def _wide_png() -> bytes:
    return cv2.imencode(".png", make_image().astype(np.uint16) * 257)[1].tobytes()


def _grey_tiff_pages() -> bytes:
    from PIL import Image  # noqa: PLC0415

    page = Image.fromarray(make_image())
    return write_with_pillow("TIFF", save_all=True, append_images=[page, page], compression="raw")


def _special_reader(
    name: str, make: Callable[[], bytes], embed: Callable[[bytes], bytes]
) -> Reader:
    return Reader(name, make(), _read_bytes, embed, compare=compare_images)


def _folder_reader(name: str, make: Callable[[], bytes]) -> Reader:
    return Reader(name, make(), _read_file, compare=compare_images)


_SPECIAL: Mapping[str, tuple[Callable[[], bytes], Callable[[bytes], bytes]]] = {
    "PNG, 16 bits": (_wide_png, bytes),
    "PNG, checksums repaired": (FILES["PNG, rotated"], repair_png),
    "PNG, 16 bits, checksums repaired": (_wide_png, repair_png),
    "JPEG, grey": (partial(write_with_pillow, "JPEG", "L"), bytes),
    "JPEG, CMYK": (partial(write_with_pillow, "JPEG", "CMYK"), bytes),
    "JPEG 2000, codestream": (partial(write_with_pillow, "JPEG2000", no_jp2=True), bytes),
    "PPM, gzip": (FILES["PPM"], partial(gzip.compress, compresslevel=1, mtime=0)),
}
_IN_FOLDER: Mapping[str, Callable[[], bytes]] = {
    "file in a folder, TIFF of three pages": _grey_tiff_pages,
    "file in a folder, JPEG": FILES["JPEG"],
}
READERS: Mapping[str, Callable[[str], Reader]] = {
    **dict.fromkeys(FILES, _image_reader),
    **{
        name: partial(_special_reader, make=make, embed=embed)
        for name, (make, embed) in _SPECIAL.items()
    },
    **{name: partial(_folder_reader, make=make) for name, make in _IN_FOLDER.items()},
}
