"""Segmentation of uploaded images. It uses the stages of `edgeseg run`."""

import hashlib
import re
import sys
import traceback
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import click

from edgeseg.console import plural
from edgeseg.errors import escape_text
from edgeseg.imaging.photo import photo_stem
from edgeseg.measures import Spacing
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import Part
from edgeseg.run.options import RunOptions
from edgeseg.run.processed_frames import SegmentedFrame
from edgeseg.run.results.record import Records
from edgeseg.run.sources.pages import split_pages
from edgeseg.run.stages import Stages
from edgeseg.segmentation import Segmentation
from edgeseg.segmenter import Segmenter
from edgeseg.server.options import SegmentOptions
from edgeseg.server.problems import RequestError
from edgeseg.server.upload import Upload

MAX_IMAGES = 100
"""Maximum number of images in a file."""

_SAVED_PARTS: tuple[Part, ...] = ("vessels", "overlay")
_MAX_STEM_LENGTH = 80
_DIGITS = 12  # number of SHA-256 digits in the names of saved results


class UploadedImage(NamedTuple):
    """Segmented image of an upload.

    Attributes:
        records: records of the image.
        segmentation: vessels of the image; None if it failed.
        frame: number of the image in its file, from 1.
        frame_count: number of images in the file.
    """

    records: Records
    segmentation: Segmentation | None
    frame: int
    frame_count: int


class UploadSegmenter:
    """Segmentation of uploads. Safe to call from several threads.

    Args:
        segmenter: model.
        save: folder for masks and overlays; None to store no results.
    """

    def __init__(self, segmenter: Segmenter, save: Path | None = None) -> None:
        self.segmenter = segmenter
        self.save = save

    def records(self, upload: Upload, options: SegmentOptions) -> Records:
        """Return the records of one or all images of a file. With `--save`, store the results.

        Raises:
            RequestError: The file does not contain this image, or contains too many images.
            UsageError: An option is invalid.
        """
        stages = self._stages(options, _SAVED_PARTS)
        frames = self._frames(upload)
        if options.frame is not None:
            frames = [_select_frame(frames, options.frame)]
        records: list[Records] = [stages.process(frame) for frame in frames]
        return sum(records, ())

    def segment_image(
        self, upload: Upload, options: SegmentOptions, save: bool = True
    ) -> UploadedImage:
        """Segment one image of a file. The default is the first image.

        Args:
            upload: photograph.
            options: options of the request.
            save: whether to save the results with `--save`.

        Raises:
            RequestError: The file does not contain this image, or contains too many images.
            UsageError: An option is invalid.
        """
        stages = self._stages(options, _SAVED_PARTS if save else ())
        frames = self._frames(upload)
        number = options.frame or 1
        segmented = stages.decode_and_segment(_select_frame(frames, number))
        segmentation = segmented.segmentation if isinstance(segmented, SegmentedFrame) else None
        return UploadedImage(stages.write(segmented), segmentation, number, len(frames))

    def _stages(self, options: SegmentOptions, parts: tuple[Part, ...]) -> Stages:
        segmenter = self.segmenter
        if options.threshold is not None:
            segmenter = segmenter.with_threshold(options.threshold)
        spacing = None
        if options.um_per_px is not None:
            spacing = Spacing(options.um_per_px, options.um_per_px)
        run_options = RunOptions(
            self.save or Path(), measures=options.measures, spacing=spacing, eye=options.eye
        )
        saved = () if self.save is None else parts
        return Stages(segmenter, run_options, saved, resume=False, print_bug=print_bug)

    def _frames(self, upload: Upload) -> list[Frame]:
        stem = "" if self.save is None else result_stem(upload)
        frames = list(split_pages(Frame(upload.name, stem, upload.take_data)))
        if len(frames) > MAX_IMAGES:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "too_many_pictures",
                f"the file contains {len(frames)} images; at most {MAX_IMAGES} are allowed. "
                "Split the file.",
            )
        return frames


def result_stem(upload: Upload) -> str:
    """Return the prefix of the names of saved results.

    The prefix contains digits of the photograph's SHA-256. Therefore two photographs with the same
    name have results with different names.
    """
    digits = hashlib.sha256(upload.data).hexdigest()[:_DIGITS]
    return f"{safe_stem(upload.name)}_{digits}"


def safe_stem(name: str) -> str:
    """Return a file name without its suffix and without special characters."""
    stem = re.sub(r"[^\w.-]+", "_", photo_stem(Path(name)))[:_MAX_STEM_LENGTH]
    return stem.strip(".") or "photograph"


def print_bug() -> None:
    """Print the location of an unexpected exception.

    The message is not printed, because it may contain the name of a photograph.
    """
    kind, _, trace = sys.exc_info()
    for line in traceback.format_tb(trace):
        click.echo(line.rstrip("\n"), err=True)
    click.echo(escape_text(f"edgeseg: {getattr(kind, '__name__', 'exception')}"), err=True)


def _select_frame(frames: list[Frame], number: int) -> Frame:
    if number > len(frames):
        raise RequestError(
            HTTPStatus.BAD_REQUEST,
            "invalid_request",
            f"frame = {number}: the file contains only {plural(len(frames), 'image')}. "
            "Use a smaller number.",
        )
    return frames[number - 1]
