"""Intermediate results of the processing stages of a frame."""

from pathlib import Path
from typing import NamedTuple

from edgeseg.imaging.arrays import Photo
from edgeseg.measures import Measures
from edgeseg.run.frame import Frame
from edgeseg.run.results.provenance import Provenance
from edgeseg.run.results.record import Records
from edgeseg.segmentation import Segmentation
from edgeseg.system.stage_timer import StageTimer


class DecodedFrame(NamedTuple):
    """A decoded frame.

    Attributes:
        frame: source and position of the frame.
        photo: (H, W, 3) uint8 RGB.
        provenance: digests to store in the results; None if no image is written.
        timer: time per stage.
    """

    frame: Frame
    photo: Photo
    provenance: Provenance | None
    timer: StageTimer


class SegmentedFrame(NamedTuple):
    """Frame that is ready to be encoded.

    Attributes:
        decoded: decoded frame.
        records: records without files and times.
        segmentation: vessels; None if no field of view was segmented.
        measured: measurements of the fields of view, for the measurement overlay.
    """

    decoded: DecodedFrame
    records: Records
    segmentation: Segmentation | None
    measured: tuple[Measures, ...] = ()


class EncodedFrame(NamedTuple):
    """Frame that is ready to be stored. It does not refer to the photograph.

    Attributes:
        frame: source and position of the frame.
        records: records without files and times.
        files: result files by part.
        contents: bytes of each image to write.
        timer: time per stage.
    """

    frame: Frame
    records: Records
    files: dict[str, Path]
    contents: dict[Path, bytes]
    timer: StageTimer
