"""Photograph files as a source of frames."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from edgeseg.imaging.file_content import OpenFile
from edgeseg.imaging.file_signatures import SIGNATURE_BYTES
from edgeseg.imaging.gzip_files import decompressed_bytes
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import Input
from edgeseg.run.sources.pages import may_have_pages, split_pages
from edgeseg.system.regular_files import open_regular_file
from edgeseg.system.signals import StopRequest

_LARGE_FILE_BYTES = 16 << 20  # such a file is read before its memory is reserved


class Photographs:
    """Source of the photographs among the inputs.

    Args:
        inputs: photograph files.
    """

    name = stem = "photographs"
    live = False
    fps = None

    def __init__(self, inputs: Sequence[Input]) -> None:
        self.inputs = inputs
        self._further_pages = 0

    @property
    def total(self) -> int:
        """Number of photographs, including the pages of the TIFF files read so far."""
        return len(self.inputs) + self._further_pages

    def frames(self, stop: StopRequest) -> Iterator[Frame | None]:
        """Yield each photograph, and None before a large file with pages.

        TIFF and DICOM files are read before their frames are yielded. Other files are read when the
        frame is loaded.
        """
        for photograph in self.inputs:
            if stop.asked:
                return
            frame = Frame(photograph.name, photograph.stem, photograph.read_bytes)
            if photograph.path is None or not _has_pages(photograph.path):
                yield replace(frame, required_bytes=photograph.estimate_memory())
                continue
            if _is_large(photograph.path):
                yield None  # other photographs are finished before this file is read
            for number, page in enumerate(split_pages(frame, self.inputs)):
                if stop.asked:
                    return
                self._further_pages += number > 0
                yield page


def _is_large(path: Path) -> bool:
    """Return whether the bytes of a file require much memory, if necessary after decompression."""
    try:
        with open_regular_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            return size + decompressed_bytes(OpenFile(file), size) > _LARGE_FILE_BYTES
    except OSError:  # this error is reported when the frame is loaded
        return False


def _has_pages(path: Path) -> bool:
    """Return whether a file may contain several photographs."""
    try:
        with open_regular_file(path) as file:
            return may_have_pages(file.read(SIGNATURE_BYTES))
    except OSError:  # this error is reported when the frame is loaded
        return False
