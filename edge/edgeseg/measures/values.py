"""Names, units and definitions of the measurements of a field of view and its quadrants.

The suffix of a name is the unit: `_px` for pixels of the photograph, `_rel` for diameters of the
field of view, and `_um` for micrometres. Columns in micrometres and millimetres are absent if the
pixel spacing was not given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from edgeseg.measures.columns import column

DEFINITIONS_VERSION = 1
"""Version of the definitions in docs/measures.md, increased when a definition changes."""

MeasuresStatus: TypeAlias = Literal[
    "ok", "no_vessels", "not_vessels", "ungradable", "field_too_small"
]
WidthMethod: TypeAlias = Literal["probability", "binary"]

STATUSES: Mapping[MeasuresStatus, str] = {
    "ok": "The field of view was measured.",
    "no_vessels": "The mask is empty. Lengths, counts and their densities are 0, and all other "
    "values are null.",
    "not_vessels": "More than half of the field of view is marked, or the skeleton has more than a "
    "million pixels.",
    "ungradable": "The image quality of the field of view is too low.",
    "field_too_small": "The field of view has a diameter of less than 128 pixels.",
}
"""Meaning of each code in `measures_status`."""

Count: TypeAlias = Annotated[int, Meta(ge=0)]
NonNegative: TypeAlias = Annotated[float, Meta(ge=0)]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]


class VesselMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """Measurements of an area. A measurement is None if it is undefined."""

    skeleton_density_per_px: Annotated[
        NonNegative | None,
        column("Total vessel length divided by the area of the field of view.", "1/px"),
    ]
    skeleton_density_rel: Annotated[
        NonNegative | None,
        column("Total vessel length divided by the area of the field of view.", "1/field diameter"),
    ]
    skeleton_density_per_mm: Annotated[
        NonNegative | UnsetType | None,
        column("Total vessel length divided by the area of the field of view.", "1/mm"),
    ] = UNSET
    total_length_px: Annotated[NonNegative | None, column("Length of all centre lines.", "px")]
    total_length_rel: Annotated[
        NonNegative | None, column("Length of all centre lines.", "field diameter")
    ]
    total_length_um: Annotated[
        NonNegative | UnsetType | None, column("Length of all centre lines.", "um")
    ] = UNSET
    width_mean_px: Annotated[NonNegative | None, column("Length-weighted mean width.", "px")]
    width_mean_rel: Annotated[
        NonNegative | None, column("Length-weighted mean width.", "field diameter")
    ]
    width_mean_um: Annotated[
        NonNegative | UnsetType | None, column("Length-weighted mean width.", "um")
    ] = UNSET
    width_median_px: Annotated[NonNegative | None, column("Length-weighted median width.", "px")]
    width_median_rel: Annotated[
        NonNegative | None, column("Length-weighted median width.", "field diameter")
    ]
    width_median_um: Annotated[
        NonNegative | UnsetType | None, column("Length-weighted median width.", "um")
    ] = UNSET
    width_p10_px: Annotated[
        NonNegative | None, column("Length-weighted 10th percentile of the width.", "px")
    ]
    width_p10_rel: Annotated[
        NonNegative | None,
        column("Length-weighted 10th percentile of the width.", "field diameter"),
    ]
    width_p10_um: Annotated[
        NonNegative | UnsetType | None,
        column("Length-weighted 10th percentile of the width.", "um"),
    ] = UNSET
    width_p90_px: Annotated[
        NonNegative | None, column("Length-weighted 90th percentile of the width.", "px")
    ]
    width_p90_rel: Annotated[
        NonNegative | None,
        column("Length-weighted 90th percentile of the width.", "field diameter"),
    ]
    width_p90_um: Annotated[
        NonNegative | UnsetType | None,
        column("Length-weighted 90th percentile of the width.", "um"),
    ] = UNSET
    fractal_dimension_skeleton: Annotated[
        NonNegative | None, column("Box-counting dimension D0 of the skeleton.")
    ]
    fractal_dimension_mask: Annotated[
        NonNegative | None, column("Box-counting dimension D0 of the mask.")
    ]
    tortuosity_arc_chord_mean: Annotated[
        NonNegative | None,
        column("Length-weighted mean ratio of arc length to chord of the segments."),
    ]
    tortuosity_arc_chord_median: Annotated[
        NonNegative | None,
        column("Length-weighted median ratio of arc length to chord of the segments."),
    ]
    tortuosity_rms_curvature_mean_per_px: Annotated[
        NonNegative | None,
        column("Length-weighted mean RMS curvature of the segments.", "1/px"),
    ]
    tortuosity_rms_curvature_mean_rel: Annotated[
        NonNegative | None,
        column("Length-weighted mean RMS curvature of the segments.", "1/field diameter"),
    ]
    tortuosity_rms_curvature_mean_per_mm: Annotated[
        NonNegative | UnsetType | None,
        column("Length-weighted mean RMS curvature of the segments.", "1/mm"),
    ] = UNSET
    tortuosity_rms_curvature_median_per_px: Annotated[
        NonNegative | None,
        column("Length-weighted median RMS curvature of the segments.", "1/px"),
    ]
    tortuosity_rms_curvature_median_rel: Annotated[
        NonNegative | None,
        column("Length-weighted median RMS curvature of the segments.", "1/field diameter"),
    ]
    tortuosity_rms_curvature_median_per_mm: Annotated[
        NonNegative | UnsetType | None,
        column("Length-weighted median RMS curvature of the segments.", "1/mm"),
    ] = UNSET
    tortuosity_curvature_mean_per_px: Annotated[
        NonNegative | None,
        column("Length-weighted mean absolute curvature of the segments.", "1/px"),
    ]
    tortuosity_curvature_mean_rel: Annotated[
        NonNegative | None,
        column("Length-weighted mean absolute curvature of the segments.", "1/field diameter"),
    ]
    tortuosity_curvature_mean_per_mm: Annotated[
        NonNegative | UnsetType | None,
        column("Length-weighted mean absolute curvature of the segments.", "1/mm"),
    ] = UNSET
    tortuosity_curvature_median_per_px: Annotated[
        NonNegative | None,
        column("Length-weighted median absolute curvature of the segments.", "1/px"),
    ]
    tortuosity_curvature_median_rel: Annotated[
        NonNegative | None,
        column("Length-weighted median absolute curvature of the segments.", "1/field diameter"),
    ]
    tortuosity_curvature_median_per_mm: Annotated[
        NonNegative | UnsetType | None,
        column("Length-weighted median absolute curvature of the segments.", "1/mm"),
    ] = UNSET
    branching_point_count: Annotated[Count | None, column("Number of branching points.")]
    branching_point_density_per_px2: Annotated[
        NonNegative | None,
        column("Number of branching points per area of the field of view.", "1/px^2"),
    ]
    branching_point_density_rel: Annotated[
        NonNegative | None,
        column("Number of branching points per area of the field of view.", "1/field diameter^2"),
    ]
    branching_point_density_per_mm2: Annotated[
        NonNegative | UnsetType | None,
        column("Number of branching points per area of the field of view.", "1/mm^2"),
    ] = UNSET
    end_point_count: Annotated[Count | None, column("Number of end points.")]
    end_point_density_per_px2: Annotated[
        NonNegative | None, column("Number of end points per area of the field of view.", "1/px^2")
    ]
    end_point_density_rel: Annotated[
        NonNegative | None,
        column("Number of end points per area of the field of view.", "1/field diameter^2"),
    ]
    end_point_density_per_mm2: Annotated[
        NonNegative | UnsetType | None,
        column("Number of end points per area of the field of view.", "1/mm^2"),
    ] = UNSET
    segment_count: Annotated[Count | None, column("Number of segments.")]
    segment_length_mean_px: Annotated[
        NonNegative | None, column("Mean length of the segments.", "px")
    ]
    segment_length_mean_rel: Annotated[
        NonNegative | None, column("Mean length of the segments.", "field diameter")
    ]
    segment_length_mean_um: Annotated[
        NonNegative | UnsetType | None, column("Mean length of the segments.", "um")
    ] = UNSET
    segment_length_median_px: Annotated[
        NonNegative | None, column("Median length of the segments.", "px")
    ]
    segment_length_median_rel: Annotated[
        NonNegative | None, column("Median length of the segments.", "field diameter")
    ]
    segment_length_median_um: Annotated[
        NonNegative | UnsetType | None, column("Median length of the segments.", "um")
    ] = UNSET


class QuadrantMeasures(VesselMeasures, frozen=True, kw_only=True):
    """Measurements of a quadrant of the field of view."""

    vessel_density: Annotated[Share | None, column("Share of vessel pixels in the quadrant.")] = (
        None
    )


class Quadrants(msgspec.Struct, frozen=True, kw_only=True):
    """Quadrants named by position (upper left). If the eye is known, also by anatomy (temporal)."""

    upper_left: QuadrantMeasures
    upper_right: QuadrantMeasures
    lower_left: QuadrantMeasures
    lower_right: QuadrantMeasures
    superior_temporal: QuadrantMeasures | UnsetType = UNSET
    superior_nasal: QuadrantMeasures | UnsetType = UNSET
    inferior_temporal: QuadrantMeasures | UnsetType = UNSET
    inferior_nasal: QuadrantMeasures | UnsetType = UNSET


class FieldMeasures(VesselMeasures, frozen=True, kw_only=True):
    """Measurements of a whole field of view."""

    measures_version: Annotated[int, column("Version of the definitions of the measurements.")]
    width_method: Annotated[
        WidthMethod,
        column("Whether widths were measured on the probability or on the binary mask."),
    ]
    quadrant: Quadrants
