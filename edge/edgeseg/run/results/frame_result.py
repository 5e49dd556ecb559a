"""What `edgeseg run --json` says of each frame, one object a line; `run.schema.json` beside this file describes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from edgeseg.quality import FrameQuality
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import path_text

Skipped: TypeAlias = Literal["done before", "no fundus", "ungradable"]
"""Why a frame was not segmented, where that is no error."""

SCHEMA = Path(__file__).with_name("run.schema.json")
"""JSON schema (draft 7) of one line."""


class ModelInfo(NamedTuple):
    """What makes the masks of a run."""

    model: str
    precision: str
    runtime: str
    threshold: float


class FrameResult(NamedTuple):
    """The result of one frame.

    Attributes:
        frame: The frame, for its source, number and times.
        made: Model, precision, runtime and threshold.
        files: What was written of it, by part (`vessels`, `overlay`, `probability`, `video`).
        size: Height and width in pixels; None where it could not be decoded.
        quality: None where it was not judged.
        vessel_density: Share of the field of view that is vessel; None where it was not segmented.
        timings: Milliseconds a stage.
        repeats: Frames before this one that showed the same picture.
        warnings: What is odd about it.
        skipped: Why it was not segmented, where that is no error.
        error: Why it could not be segmented.
    """

    frame: Frame
    made: ModelInfo
    files: Mapping[str, Path] = MappingProxyType({})
    size: tuple[int, int] | None = None
    quality: FrameQuality | None = None
    vessel_density: float | None = None
    timings: Mapping[str, float] = MappingProxyType({})
    repeats: int = 0
    warnings: tuple[str, ...] = ()
    skipped: Skipped | None = None
    error: str | None = None

    def to_dict(self) -> dict[str, object]:
        """One line of `--json`; what does not apply is left out."""
        height, width = self.size or (None, None)
        frame = self.frame
        stream = frame.number is not None
        values = {
            "source": frame.source,
            "frame": frame.number,
            "position_s": None if frame.position_s is None else round(frame.position_s, 3),
            "time": frame.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "width": width,
            "height": height,
            **{part: path_text(file) for part, file in self.files.items()},
            "model": self.made.model,
            "precision": self.made.precision,
            "runtime": self.made.runtime,
            "threshold": self.made.threshold,
            "quality": None if self.quality is None else self.quality.to_dict(),
            "vessel_density": None
            if self.vessel_density is None
            else round(self.vessel_density, 6),
            "timings_ms": {stage: round(ms, 3) for stage, ms in self.timings.items()} or None,
            "dropped": frame.dropped if stream else None,
            "repeats": self.repeats if stream else None,
            "warnings": list(self.warnings),
            "skipped": self.skipped,
            "error": self.error,
        }
        return {key: value for key, value in values.items() if value is not None}

    def line(self) -> str:
        """For people."""
        if self.skipped or self.error:
            return f"{self.frame.name}  {self.error or self.skipped}{self._reasons(': ')}"
        into = f" -> {path_text(self.files['vessels'])}" if "vessels" in self.files else ""
        took = f"{sum(self.timings.values()):.0f} ms, {self.vessel_density:.1%} vessel"
        return f"{self.frame.name}{into}  {took}{self._reasons(', ungradable: ')}"

    def _reasons(self, before: str) -> str:
        reasons = self.quality.reasons if self.quality else ()
        return f"{before}{', '.join(reasons)}" if reasons and self.skipped != "no fundus" else ""
