"""Tortuosity of the segments.

Curvature depends on the smoothing of the curve. The value of 2 % of the field's diameter was chosen
by comparison with an expert's ranking of 30 arteries (docs/measures-validation.md).
"""

from typing import NamedTuple

import numpy as np

from edgeseg.measures.curves import Curves, Floats

MIN_LENGTH = 0.08
"""Minimum length of a segment for tortuosity, relative to the field of view's diameter."""

SMOOTHING = 0.02
"""Standard deviation of the Gaussian along a segment, relative to the field's diameter."""

_LOOP = 0.2
# Maximum chord of a loop, relative to its length. Such a loop returns to its branching point and is
# usually the edge of a hole between vessels.

_STEP = 1 / 512  # distance between points, relative to the field's diameter


class Tortuosity(NamedTuple):
    """Tortuosity of each segment.

    Attributes:
        arc_chord: (S,) float64, length divided by the distance between the ends; NaN for a closed
            segment.
        rms_curvature: (S,) float64, root mean square of the curvature, 1/px.
        curvature: (S,) float64, mean absolute curvature, 1/px.
    """

    arc_chord: Floats
    rms_curvature: Floats
    curvature: Floats


def measure_tortuosity(segments: Curves, diameter: float) -> Tortuosity:
    """Measure the tortuosity of segments.

    Args:
        segments: centre lines.
        diameter: diameter of the field of view in pixels.
    """
    step = _STEP * diameter
    sigma = SMOOTHING * diameter / step
    smooth = segments.resample(step).smooth(sigma).resample(step)
    # The radius of curvature is below the smoothing scale only where a curve reverses its
    # direction.
    curvatures = np.minimum(np.abs(smooth.curvatures()), 1 / (SMOOTHING * diameter))
    curvatures[smooth.ends[smooth.closed]] = 0  # the last point of a loop is equal to the first
    owners = smooth.owners()
    count = len(smooth.counts)
    steps = smooth.counts - 1
    lengths, chords = segments.lengths(), segments.chords()
    is_loop = (chords < _LOOP * lengths) & ~segments.closed
    arc_chord = np.full(count, np.nan)
    np.divide(lengths, chords, out=arc_chord, where=~is_loop & ~segments.closed)
    rms = np.sqrt(np.bincount(owners, curvatures**2, minlength=count) / steps)
    mean = np.bincount(owners, curvatures, minlength=count) / steps
    return Tortuosity(arc_chord, np.where(is_loop, np.nan, rms), np.where(is_loop, np.nan, mean))


def weighted_mean(values: Floats, weights: Floats) -> float | None:
    """Return the weighted mean of the values, ignoring NaN; None if there are no values."""
    known = ~np.isnan(values) & (weights > 0)
    if not known.any():
        return None
    return float(np.average(values[known], weights=weights[known]))


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float | None:
    """Return a weighted quantile of the values, ignoring NaN; None if there are no values.

    Args:
        values: (N,) float64.
        weights: (N,) float64, at least 0.
        share: share of the total weight below the quantile, 0 to 1.
    """
    known = ~np.isnan(values) & (weights > 0)
    if not known.any():
        return None
    order = np.argsort(values[known], kind="stable")
    ordered, weight = values[known][order], weights[known][order]
    middles = np.cumsum(weight) - weight / 2
    return float(np.interp(share * weight.sum(), middles, ordered))


def weighted_median(values: Floats, weights: Floats) -> float | None:
    """Return the weighted median of the values, ignoring NaN; None if there are no values."""
    return weighted_quantile(values, weights, 0.5)
