"""Measurements of an area: a whole field of view or a quadrant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from edgeseg.imaging.arrays import Mask
from edgeseg.measures.curves import Curves, Flags, Floats
from edgeseg.measures.fractal import box_counting_dimension
from edgeseg.measures.network import VesselNetwork
from edgeseg.measures.tortuosity import (
    MIN_LENGTH,
    Tortuosity,
    measure_tortuosity,
    weighted_mean,
    weighted_median,
    weighted_quantile,
)

Figures = dict[str, float | None]

_SIGNIFICANT_DIGITS = 6


class Area:
    """Rectangular part of the image.

    Args:
        rows: rows of the part.
        columns: columns of the part.
    """

    def __init__(self, rows: slice, columns: slice) -> None:
        self.rows = rows
        self.columns = columns

    def crop(self, mask: Mask) -> Mask:
        """Crop a mask of the image to this area."""
        return mask[self.rows, self.columns]

    def contains(self, points: Floats) -> Flags:
        """Return True for each point inside this area. Points are (N, 2), x and y."""
        x, y = points[:, 0] + 0.5, points[:, 1] + 0.5
        in_columns = (x >= self.columns.start) & (x < self.columns.stop)
        return np.asarray(in_columns & (y >= self.rows.start) & (y < self.rows.stop))


@dataclass(frozen=True)
class Scale:
    """Units of the measurements.

    Attributes:
        diameter: diameter of the field of view in pixels.
        um_per_px: micrometres per pixel; None if unknown.
        requested: whether to include values in micrometres (True if a spacing was given).
    """

    diameter: float
    um_per_px: float | None
    requested: bool

    def length(self, name: str, pixels: float | None) -> Figures:
        """Return a length in three units: pixels, diameters of the field, and micrometres."""
        return self._scale(name, pixels, 1, ("_px", "_rel", "_um"), 1)

    def inverse(self, name: str, per_px: float | None) -> Figures:
        """Return a value per pixel, per diameter of the field, and per millimetre."""
        return self._scale(name, per_px, -1, ("_per_px", "_rel", "_per_mm"), 1000)

    def inverse_square(self, name: str, per_px2: float | None) -> Figures:
        """Return a value per square pixel, per squared diameter, and per square millimetre."""
        return self._scale(name, per_px2, -2, ("_per_px2", "_rel", "_per_mm2"), 1000)

    def _scale(
        self,
        name: str,
        value: float | None,
        power: int,
        suffixes: tuple[str, str, str],
        um_per_unit: float,
    ) -> Figures:
        figures: Figures = dict.fromkeys(name + suffix for suffix in suffixes[:2])
        if self.requested:
            figures[name + suffixes[2]] = None
        if value is None:
            return figures
        figures[name + suffixes[0]] = value
        figures[name + suffixes[1]] = value / self.diameter**power
        if self.um_per_px is not None:
            figures[name + suffixes[2]] = value * (self.um_per_px / um_per_unit) ** power
        return figures


class FieldFigures:
    """Computation of the measurements of a field of view and its parts.

    Args:
        network: vessels of the field.
        mask: (H, W) uint8 {0, 255}, vessels inside the field of view.
        skeleton: (H, W) uint8 {0, 1}, pruned.
        fov: (H, W) uint8, nonzero inside the field of view.
        scale: units of the measurements.
    """

    def __init__(
        self, network: VesselNetwork, mask: Mask, skeleton: Mask, fov: Mask, scale: Scale
    ) -> None:
        self.network = network
        self.mask = mask
        self.skeleton = skeleton
        self.fov = fov
        self.scale = scale
        self.steps = network.curves.steps()
        self.segments = network.curves.select(network.is_segment)
        self.segment_lengths = self.segments.lengths()
        self.segment_middles = self.segments.middles()
        radii = network.branching_radii[:, network.is_segment]
        self.tortuosity = _of_long_segments(
            self.segments.trim(radii[0], radii[1]), self.segment_lengths, scale.diameter
        )

    def vessel_density(self, area: Area) -> float | None:
        """Return the vessel density of an area, or None if the field is outside the area."""
        field = cv2.countNonZero(area.crop(self.fov))
        if not field:
            return None
        return round_figure(cv2.countNonZero(area.crop(self.mask)) / field)

    def measure(self, area: Area) -> dict[str, Any]:
        """Return the fields of `VesselMeasures` for an area."""
        field = cv2.countNonZero(area.crop(self.fov))
        figures: Figures = {
            **self._lines(area, field),
            **self._widths(area),
            **self._dimensions(area),
            **self._tortuosity(area),
            **self._points("branching_point", self.network.branching_points, area, field),
            **self._points("end_point", self.network.end_points, area, field),
            **self._segments(area),
        }
        rounded: dict[str, Any] = {}
        for name, value in figures.items():
            rounded[name] = value
            if name.endswith("_count"):
                rounded[name] = int(value or 0)
            elif value is not None:
                rounded[name] = round_figure(value)
        return rounded

    def _lines(self, area: Area, field: int) -> Figures:
        length = float(self.steps.lengths[area.contains(self.steps.middles)].sum())
        density = length / field if field else None
        return {
            **self.scale.inverse("skeleton_density", density),
            **self.scale.length("total_length", length),
        }

    def _widths(self, area: Area) -> Figures:
        inside = area.contains(self.steps.middles)
        widths, weights = self.network.widths[inside], self.steps.lengths[inside]
        figures = self.scale.length("width_mean", weighted_mean(widths, weights))
        for name, share in (("median", 0.5), ("p10", 0.1), ("p90", 0.9)):
            quantile = weighted_quantile(widths, weights, share)
            figures |= self.scale.length(f"width_{name}", quantile)
        return figures

    def _dimensions(self, area: Area) -> Figures:
        diameter = self.scale.diameter
        skeleton = box_counting_dimension(area.crop(self.skeleton), diameter)
        mask = box_counting_dimension(area.crop(self.mask), diameter)
        return {"fractal_dimension_skeleton": skeleton, "fractal_dimension_mask": mask}

    def _tortuosity(self, area: Area) -> Figures:
        weights = np.where(area.contains(self.segment_middles), self.segment_lengths, 0)
        figures: Figures = {}
        for name, statistic in (("mean", weighted_mean), ("median", weighted_median)):
            arc_chord = statistic(self.tortuosity.arc_chord, weights)
            rms = statistic(self.tortuosity.rms_curvature, weights)
            curvature = statistic(self.tortuosity.curvature, weights)
            figures[f"tortuosity_arc_chord_{name}"] = arc_chord
            figures |= self.scale.inverse(f"tortuosity_rms_curvature_{name}", rms)
            figures |= self.scale.inverse(f"tortuosity_curvature_{name}", curvature)
        return figures

    def _points(self, name: str, points: Floats, area: Area, field: int) -> Figures:
        count = int(area.contains(points).sum())
        density = count / field if field else None
        return {
            f"{name}_count": count,
            **self.scale.inverse_square(f"{name}_density", density),
        }

    def _segments(self, area: Area) -> Figures:
        lengths = self.segment_lengths[area.contains(self.segment_middles)]
        mean = float(lengths.mean()) if len(lengths) else None
        median = float(np.median(lengths)) if len(lengths) else None
        return {
            "segment_count": len(lengths),
            **self.scale.length("segment_length_mean", mean),
            **self.scale.length("segment_length_median", median),
        }


def round_figure(value: float) -> float:
    """Round a value to six significant digits."""
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}")


def _of_long_segments(segments: Curves, lengths: Floats, diameter: float) -> Tortuosity:
    """Return the tortuosity of each segment; NaN for segments that are too short."""
    is_long = lengths >= MIN_LENGTH * diameter
    measured = measure_tortuosity(segments.select(is_long), diameter)
    spread: list[Floats] = []
    for values in measured:
        everywhere = np.full(len(lengths), np.nan)
        everywhere[is_long] = values
        spread.append(everywhere)
    return Tortuosity(*spread)
