"""Conversion of TIFF pages and DICOM frames to frames of a run."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice

from edgeseg.errors import InvalidImageError, PhotoError
from edgeseg.imaging.decoder import unpack_gzip
from edgeseg.imaging.file_signatures import SIGNATURE_BYTES, is_dicom
from edgeseg.imaging.gzip_files import unpack_beginning
from edgeseg.imaging.required_memory import estimate_bytes, estimate_tiff_page
from edgeseg.imaging.tiff_pages import TIFF_SIGNATURES, list_tiff_pages, select_tiff_page
from edgeseg.run.frame import Frame, SingleUsePayload
from edgeseg.run.inputs import Input
from edgeseg.run.inputs.names import numbered_stem
from edgeseg.run.sources.dicom_frames import failed_frame, raise_error, split_dicom
from edgeseg.system.names import name_key


def may_have_pages(data: bytes) -> bool:
    """Return whether a file is a TIFF or DICOM file, gzipped or not.

    Args:
        data: bytes of the file, or its first `SIGNATURE_BYTES` bytes.
    """
    beginning = unpack_beginning(data)
    return beginning.startswith(TIFF_SIGNATURES) or is_dicom(beginning)


def split_pages(frame: Frame, inputs: Iterable[Input] = ()) -> Iterator[Frame]:
    """Yield one frame per photograph in a file. A TIFF or DICOM file may contain several.

    Args:
        frame: photograph file. This function reads the file.
        inputs: inputs of the run. If an input has the stem of a page after the first, the stem of
            the page gets a number.
    """
    pages = _split(frame)
    yield from islice(pages, 1)
    for page in pages:
        taken = {name_key(photograph.stem) for photograph in inputs}
        yield replace(page, stem=numbered_stem(page.stem, taken))


def _split(frame: Frame) -> Iterator[Frame]:
    try:
        data = frame.load()
        if isinstance(data, bytes) and may_have_pages(data):
            data = unpack_gzip(data)
    except InvalidImageError as error:
        yield failed_frame(frame, error)
        return
    except PhotoError as error:
        yield replace(frame, load=partial(raise_error, error))
        return
    if isinstance(data, bytes) and is_dicom(data[:SIGNATURE_BYTES]):
        frames = split_dicom(frame, data)
        del data  # reduces the peak memory
        yield from frames
        return
    if not isinstance(data, bytes) or not data.startswith(TIFF_SIGNATURES):
        single = replace(frame, load=SingleUsePayload(data).take)
        del data
        yield single
        return
    pages = list_tiff_pages(data)
    warnings = frame.warnings
    if pages.skipped:
        warnings += ("pages_skipped",)
    if len(pages.photographs) < 2:
        single = replace(
            frame,
            load=SingleUsePayload(data).take,
            warnings=warnings,
            required_bytes=estimate_bytes(data),
        )
        del data
        yield single
        return
    for page, offset in enumerate(pages.photographs, 1):
        stem = frame.stem if page == 1 else f"{frame.stem}_p{page:04}"
        yield replace(
            frame,
            stem=stem,
            load=partial(select_tiff_page, data, offset),
            page=page,
            warnings=warnings,
            # `select_tiff_page` copies the file, except for the first page.
            required_bytes=estimate_tiff_page(data, offset, 2 * len(data)),
        )
