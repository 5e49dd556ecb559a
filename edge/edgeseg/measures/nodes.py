"""Positions of the branching points, and merging of points that are close together."""

import numpy as np

from edgeseg.measures.curves import Curves, Flags, Floats, Indices
from edgeseg.measures.pruning import merge_labels
from edgeseg.measures.tracing import TracedLines


def join_at_centres(lines: TracedLines, pixels: Floats, labels: Indices) -> Curves:
    """Return the lines as curves that begin and end at the centres of their branching points.

    Args:
        lines: traced lines.
        pixels: (N, 2) float64, x and y of each pixel.
        labels: (N,) int64, branching point of each pixel; -1 for other pixels.
    """
    curves = Curves(pixels[lines.pixels], lines.lengths, lines.closed)
    centres = label_centres(pixels, labels)
    for ends in (curves.starts, curves.ends):
        at_branching_point = ends[labels[lines.pixels[ends]] >= 0]
        nodes = labels[lines.pixels[at_branching_point]]
        curves.points[at_branching_point] = centres[nodes]
    return curves


def label_centres(pixels: Floats, labels: Indices) -> Floats:
    """Return the mean position of each label's pixels, (N, 2). Rows without a label are 0."""
    labelled = labels >= 0
    counts = np.bincount(labels[labelled], minlength=len(labels))
    sums = np.stack(
        [
            np.bincount(labels[labelled], pixels[labelled, axis], minlength=len(labels))
            for axis in (0, 1)
        ],
        1,
    )
    return np.asarray(sums / np.maximum(counts, 1)[:, None])


def branching_radii(lines: TracedLines, labels: Indices, radii: Floats) -> Floats:
    """Return the radius of the branching point at both ends of each line; 0 at an end point.

    Args:
        lines: traced lines.
        labels: (N,) int64, branching point of each pixel; -1 for other pixels.
        radii: (N,) float64, distance of each pixel from the background.

    Returns:
        (2, S) float64, radii at the start and at the end.
    """
    ends = np.stack(line_ends(lines))
    return np.asarray(np.where(labels[ends] >= 0, radii[ends], 0))


def find_bridges(lines: TracedLines, labels: Indices, lengths: Floats, radii: Floats) -> Flags:
    """Return True for each line between branching points that are closer than the vessel width.

    At a crossing of two vessels, the skeletons coincide over a short distance. Therefore the
    skeleton has two branching points there.

    Args:
        lines: traced lines.
        labels: (N,) int64, branching point of each pixel; -1 for other pixels.
        lengths: (S,) float64, length of each line in pixels.
        radii: (2, S) float64, radius of the branching points at both ends; 0 at other ends.
    """
    first, last = line_ends(lines)
    different = (radii > 0).all(0) & (labels[first] != labels[last])
    return np.asarray(different & (lengths < radii.sum(0)))


def locate_branching_points(
    lines: TracedLines, labels: Indices, bridges: Flags, pixels: Floats
) -> Floats:
    """Return the position of each branching point at which at least three segments meet.

    Args:
        lines: traced lines.
        labels: (N,) int64, branching point of each pixel; -1 for other pixels.
        bridges: (S,) bool, lines whose two ends belong to the same branching point.
        pixels: (N, 2) float64, x and y of each pixel.

    Returns:
        (B, 2) float64, x and y.
    """
    first, last = line_ends(lines)
    merged = merge_labels(labels, first[bridges], last[bridges])
    segments = ~bridges & ~lines.closed
    ends = merged[np.concatenate([first[segments], last[segments]])]
    meeting = np.bincount(ends[ends >= 0], minlength=len(labels))
    return label_centres(pixels, merged)[meeting >= 3]


def line_ends(lines: TracedLines) -> tuple[Indices, Indices]:
    """Return the first and the last pixel of each line, (S,) int64."""
    last = np.cumsum(lines.lengths) - 1
    return lines.pixels[last - lines.lengths + 1], lines.pixels[last]
