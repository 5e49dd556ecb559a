"""Options of a run."""

from dataclasses import dataclass, replace
from pathlib import Path

from edgeseg.imaging.overlay import OverlayStyle
from edgeseg.measures import Eye, Spacing
from edgeseg.measures.values import DEFINITIONS_VERSION
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import OverlayFormat, Part, output_file
from edgeseg.run.results.record import EyeSource


@dataclass(frozen=True)
class RunOptions:
    """Options of a run.

    Attributes:
        output: folder for the results.
        overlay: whether to write an overlay of each photograph, and a video of each stream.
        overlay_style: whether to draw a line around the vessels or to tint their pixels.
        overlay_opacity: weight of the overlay's colour, 0 to 1; None means the default of the
            style.
        probability: whether to write the probability of each photograph.
        frames: whether to write a mask and an overlay for every frame of a stream.
        resume: whether to reuse results of earlier runs with the same inputs and options.
        skip_ungradable: whether to skip fields of view of low quality.
        as_json: whether to print one JSON object per record.
        contact_sheet: whether to write one HTML page with all photographs.
        throughput: whether to report the throughput at the end.
        measures: whether to measure the vessels.
        measures_overlay: whether to write an image of the measurements.
        spacing: size of a pixel; None if unknown.
        eye: eye of the photographs; None if unknown.
        overlay_format: file format of the overlays of photographs.
        follow_links: whether to write to the target if the path of a result is a link.
        eye_source: origin of `eye`, if known.
        dicom: whether to write DICOM objects for photographs in DICOM files.
        identifiers: whether to include the identifiers of patient, study and series in records.
    """

    output: Path
    overlay: bool = True
    overlay_style: OverlayStyle = "outline"
    overlay_opacity: float | None = None
    probability: bool = False
    frames: bool = False
    resume: bool = False
    skip_ungradable: bool = False
    as_json: bool = False
    contact_sheet: bool = False
    throughput: bool = False
    measures: bool = False
    measures_overlay: bool = False
    spacing: Spacing | None = None
    eye: Eye | None = None
    overlay_format: OverlayFormat = "jpg"
    follow_links: bool = False
    eye_source: EyeSource = "option"
    dicom: bool = False
    identifiers: bool = False

    def for_frame(self, frame: Frame) -> "RunOptions":
        """Return the options for a frame. A missing eye or pixel size is copied from the frame."""
        options = self
        if options.spacing is None and frame.spacing is not None:
            options = replace(options, spacing=frame.spacing)
        if options.eye is None and frame.eye is not None and frame.eye_source is not None:
            options = replace(options, eye=frame.eye, eye_source=frame.eye_source)
        return options

    @property
    def parts(self) -> tuple[Part, ...]:
        """Images to write for a photograph."""
        parts: list[Part] = ["vessels"]
        if self.overlay:
            parts.append("overlay")
        if self.probability:
            parts.append("probability")
        if self.measures_overlay:
            parts.append("measures_overlay")
        if self.dicom:
            parts += ["dicom_seg", "dicom_sc"]
        if self.dicom and self.measures:
            parts.append("dicom_sr")
        return tuple(parts)

    def hashed_values(self) -> dict[str, str]:
        """Return the options that affect a stored record. `--resume` compares their hash."""
        if not self.measures:
            return {}
        spacing = "" if self.spacing is None else repr(tuple(self.spacing))
        return {"measures": str(DEFINITIONS_VERSION), "spacing": spacing, "eye": self.eye or ""}

    @property
    def overlay_look(self) -> dict[str, str | float]:
        """Options that affect the pixels of an overlay. Default values are omitted."""
        look: dict[str, str | float] = {}
        if not self.overlay and not self.dicom:
            return look
        if self.overlay_style != "outline":
            look["overlay_style"] = self.overlay_style
        if self.overlay_opacity is not None:
            look["overlay_opacity"] = self.overlay_opacity
        return look

    def output_files(self, stem: str, parts: tuple[Part, ...]) -> dict[str, Path]:
        """Return the path of each image of a frame."""
        files: dict[str, Path] = {}
        for part in parts:
            files[part] = output_file(stem, self.output, part, self.overlay_format)
        return files
