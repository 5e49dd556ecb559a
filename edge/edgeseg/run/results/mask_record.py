"""Record of `edgeseg measure`. It contains only those result keys that apply to a mask."""

from typing import Annotated

from msgspec import UNSET, Struct, UnsetType

from edgeseg.measures.columns import column
from edgeseg.measures.eye import Eye
from edgeseg.measures.spacing import SpacingSource, SpacingStatus
from edgeseg.measures.values import FieldMeasures, MeasuresStatus
from edgeseg.run.results.record import (
    SCHEMA_VERSION,
    Code,
    EyeSource,
    NonNegative,
    Positive,
    Share,
    Status,
)


class MaskRecord(Struct, frozen=True, kw_only=True):
    """Measurements of one mask. Keys and definitions are the same as in `ResultRecord`."""

    source: Annotated[str, column("Path of the mask.")]
    frame: Positive = 1
    fov_index: Positive = 1
    fov_count: Positive = 1
    fov_diameter_px: NonNegative | None = None
    width: Positive | None = None
    height: Positive | None = None
    eye: Eye | None = None
    eye_source: EyeSource | None = None
    status: Status
    reasons: tuple[Code, ...] = ()
    message: str | UnsetType = UNSET
    warnings: tuple[Code, ...] = ()
    edgeseg_version: str
    schema_version: Positive = SCHEMA_VERSION
    vessel_density: Share | None = None
    measures_status: MeasuresStatus | None = None
    measures: FieldMeasures | None = None
    um_per_px: NonNegative | None = None
    um_per_px_source: SpacingSource | None = None
    um_per_px_status: SpacingStatus | None = None
