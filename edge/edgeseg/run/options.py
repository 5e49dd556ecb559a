"""Options of a run."""

from dataclasses import dataclass, replace
from pathlib import Path

from edgeseg.imaging.overlay import OverlayStyle
from edgeseg.measures import Eye, Spacing
from edgeseg.measures.values import DEFINITIONS_VERSION
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import OverlayFormat, Part, output_file


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
        spacing: size of a pixel; None to use the size of each frame.
        eye: eye of the photographs; None to use the eye of each frame.
        overlay_format: file format of the overlays of photographs.
        follow_links: whether to write to the target if the path of a result is a link.
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
    dicom: bool = False
    identifiers: bool = False

    def apply_to(self, frame: Frame) -> Frame:
        """Return a frame with the eye and the pixel size of the options, if they are given."""
        if self.spacing is not None:
            frame = replace(frame, spacing=self.spacing)
        if self.eye is not None:
            frame = replace(frame, eye=self.eye, eye_source="option")
        return frame

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

    def hashed_values(self, frame: Frame) -> dict[str, str]:
        """Return the values that affect a stored record. `--resume` compares their hash.

        Args:
            frame: frame to which the options are applied.
        """
        if not self.measures:
            return {}
        spacing = "" if frame.spacing is None else repr(tuple(frame.spacing))
        eye = "" if frame.eye is None else f"{frame.eye} {frame.eye_source}"
        return {"measures": str(DEFINITIONS_VERSION), "spacing": spacing, "eye": eye}

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
