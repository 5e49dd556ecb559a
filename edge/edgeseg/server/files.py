"""Downloads of the page: mask, overlay, record, or a ZIP file with all files."""

import io
import zipfile
from typing import NamedTuple

import msgspec

from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.imaging.overlay import overlay_in_place
from edgeseg.run.results.record import Records
from edgeseg.segmentation import Segmentation
from edgeseg.server.options import FileOptions


class ResultFile(NamedTuple):
    """File to download.

    Attributes:
        name: file name.
        media_type: media type.
        data: bytes of the file.
    """

    name: str
    media_type: str
    data: bytes


def make_file(
    records: Records, segmentation: Segmentation, stem: str, options: FileOptions
) -> ResultFile:
    """Create a file to download.

    Args:
        records: records of the image.
        segmentation: vessels of the image.
        stem: prefix of the file names.
        options: selected file, and style of the overlay.
    """
    if options.part == "mask":
        return _mask(segmentation, stem)
    if options.part == "overlay":
        return _overlay(segmentation, stem, options)
    if options.part == "record":
        return _record(records, stem)
    files = (
        _mask(segmentation, stem),
        _overlay(segmentation, stem, options),
        _record(records, stem),
    )
    return ResultFile(f"{stem}.zip", "application/zip", _pack(files))


def _mask(segmentation: Segmentation, stem: str) -> ResultFile:
    return ResultFile(f"{stem}_vessels.png", "image/png", encode_png(segmentation.mask))


def _overlay(segmentation: Segmentation, stem: str, options: FileOptions) -> ResultFile:
    with overlay_in_place(
        segmentation.photo, segmentation.mask, options.rgb, options.opacity, "fill"
    ) as drawn:
        return ResultFile(f"{stem}_overlay.jpg", "image/jpeg", encode_jpeg(drawn))


def _record(records: Records, stem: str) -> ResultFile:
    encoded = msgspec.json.format(msgspec.json.encode(records), indent=2)
    return ResultFile(f"{stem}_record.json", "application/json", encoded)


def _pack(files: tuple[ResultFile, ...]) -> bytes:
    """Create a ZIP file without compression, because images are already compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in files:
            archive.writestr(zipfile.ZipInfo(file.name), file.data)
    return buffer.getvalue()
