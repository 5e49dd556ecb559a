"""Pages of a multi-page TIFF file as frames."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import NoReturn

from edgeseg.errors import PhotoError
from edgeseg.imaging.tiff_pages import TIFF_SIGNATURES, list_tiff_pages, select_tiff_page
from edgeseg.run.frame import Frame


def split_pages(frame: Frame) -> Iterator[Frame]:
    """Yield one frame per photograph in a file, such as the pages of a TIFF.

    Args:
        frame: a photograph file, which is loaded here.
    """
    try:
        data = frame.load()
    except PhotoError as error:
        yield replace(frame, load=partial(raise_error, error))
        return
    if not isinstance(data, bytes) or not data.startswith(TIFF_SIGNATURES):
        yield replace(frame, load=lambda: data)
        return
    pages = list_tiff_pages(data)
    warnings = frame.warnings
    if pages.skipped:
        warnings += ("pages_skipped",)
    if len(pages.photographs) < 2:
        yield replace(frame, load=partial(bytes, data), warnings=warnings)
        return
    for page, offset in enumerate(pages.photographs, 1):
        stem = frame.stem if page == 1 else f"{frame.stem}_p{page:04}"
        load = partial(select_tiff_page, data, offset)
        yield replace(frame, stem=stem, load=load, page=page, warnings=warnings)


def raise_error(error: PhotoError) -> NoReturn:
    """Raise an error when a frame is loaded."""
    raise error
