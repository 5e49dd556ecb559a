"""Options of a run, as set on the command line."""

from dataclasses import dataclass
from pathlib import Path

from edgeseg.imaging.overlay import OverlayStyle
from edgeseg.run.inputs import OverlayFormat, Part, output_file


@dataclass(frozen=True)
class RunOptions:
    """Options of a run: what to write, and for which frames.

    Attributes:
        output: folder for the results.
        overlay: whether to write an overlay of each photograph, and a video of each stream.
        overlay_style: line around the vessels, or tint of their pixels.
        overlay_opacity: weight of the overlay's colour, 0 to 1; None for that of the style.
        probability: whether to write the probability of each photograph.
        frames: whether to write a mask and an overlay for every frame of a stream.
        resume: whether to reuse results that this run would reproduce.
        skip_ungradable: whether to leave out fields of view of low quality.
        as_json: whether to print one JSON object per record.
        contact_sheet: whether to write one HTML page with all photographs.
        throughput: whether to report the throughput at the end.
        overlay_format: file format of the overlays of photographs.
        follow_links: whether to write through links at the names of results.
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
    overlay_format: OverlayFormat = "jpg"
    follow_links: bool = False

    @property
    def parts(self) -> tuple[Part, ...]:
        """Pictures to write for a photograph."""
        parts: list[Part] = ["vessels"]
        if self.overlay:
            parts.append("overlay")
        if self.probability:
            parts.append("probability")
        return tuple(parts)

    @property
    def overlay_look(self) -> dict[str, str | float]:
        """Options that affect the pixels of an overlay; empty for the default look."""
        look: dict[str, str | float] = {}
        if self.overlay and self.overlay_style != "outline":
            look["overlay_style"] = self.overlay_style
        if self.overlay and self.overlay_opacity is not None:
            look["overlay_opacity"] = self.overlay_opacity
        return look

    def output_files(self, stem: str, parts: tuple[Part, ...]) -> dict[str, Path]:
        """Return the path of each picture of a frame."""
        files: dict[str, Path] = {}
        for part in parts:
            files[part] = output_file(stem, self.output, part, self.overlay_format)
        return files
