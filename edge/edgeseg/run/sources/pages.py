"""Conversion of TIFF pages and DICOM frames to frames of a run."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from edgeseg.errors import PhotoError
from edgeseg.imaging.decoder import unpack_gzip
from edgeseg.imaging.file_signatures import SIGNATURE_BYTES, is_dicom
from edgeseg.imaging.required_memory import estimate_bytes
from edgeseg.imaging.tiff_pages import TIFF_SIGNATURES, list_tiff_pages, select_tiff_page
from edgeseg.run.frame import Frame, Payload
from edgeseg.run.sources.dicom_frames import is_gzipped_dicom, raise_error, split_dicom


def split_pages(frame: Frame) -> Iterator[Frame]:
    """Yield one frame per photograph in a file. A TIFF or DICOM file may contain several.

    Args:
        frame: photograph file. This function reads the file.
    """
    try:
        data = frame.load()
        if isinstance(data, bytes) and is_gzipped_dicom(data):
            data = unpack_gzip(data)
    except PhotoError as error:
        yield replace(frame, load=partial(raise_error, error))
        return
    if isinstance(data, bytes) and is_dicom(data[:SIGNATURE_BYTES]):
        frames = split_dicom(frame, data)
        del data  # reduces the peak memory
        yield from frames
        return
    if not isinstance(data, bytes) or not data.startswith(TIFF_SIGNATURES):
        single = replace(frame, load=_release_on_load(data))
        del data
        yield single
        return
    frame = replace(frame, estimate_memory=partial(int, estimate_bytes(data, len(data))))
    pages = list_tiff_pages(data)
    warnings = frame.warnings
    if pages.skipped:
        warnings += ("pages_skipped",)
    if len(pages.photographs) < 2:
        single = replace(frame, load=_release_on_load(data), warnings=warnings)
        del data
        yield single
        return
    for page, offset in enumerate(pages.photographs, 1):
        stem = frame.stem if page == 1 else f"{frame.stem}_p{page:04}"
        load = partial(select_tiff_page, data, offset)
        yield replace(frame, stem=stem, load=load, page=page, warnings=warnings)


def _release_on_load(data: Payload) -> Callable[[], Payload]:
    """Return a function that returns the data once. Then the frame does not keep it in memory."""
    return [data].pop
