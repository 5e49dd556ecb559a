"""Pruning of the short spurs that thinning creates at bumps of a vessel's edge."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from edgeseg.measures.distances import DistanceMap, Distances
from edgeseg.measures.pixel_graph import Canvas, Indices, PixelGraph, element_sequence


class Spur(NamedTuple):
    """Line from an end point to the first branching pixel or to the other end point.

    Attributes:
        branching_point: label of the branching point; -1 for an isolated line.
        length: distance between the ends in pixels.
        pixels: positions in `PixelGraph.pixels`, without the branching pixel.
    """

    branching_point: int
    length: float
    pixels: list[int]


def prune_spurs(canvas: Canvas, distances: DistanceMap) -> tuple[PixelGraph, Distances]:
    """Remove spurs and isolated pieces that are shorter than the local vessel width.

    The shortest spurs of a branching point are removed first. At least two lines are kept: at the
    blunt end of a vessel, both branches may be short, and one of them is the vessel.

    Args:
        canvas: skeleton, changed in place.
        distances: distance of each pixel from the background.

    Returns:
        Graph of the remaining pixels, and the distance of each of these pixels.
    """
    known = canvas.pixels
    known_radii = distances.at(*canvas.rows_and_columns())
    while True:
        canvas.remove_redundant()
        graph = canvas.graph()
        radii = known_radii[np.searchsorted(known, graph.pixels)]
        labels = label_branching_points(graph)
        spurs = _short_spurs(graph, labels, canvas, radii)
        removed = _select_pixels(spurs, _count_lines(graph, labels))
        if not removed:
            return graph, radii
        canvas.remove(graph.pixels[removed])


def label_branching_points(graph: PixelGraph) -> Indices:
    """Label each group of linked branching pixels with its lowest index. Other pixels get -1."""
    branching = graph.degrees >= 3
    labels = np.where(branching, np.arange(len(graph.pixels)), -1)
    sources = graph.sources()
    inner = branching[sources] & branching[graph.neighbours]
    return merge_labels(labels, sources[inner], graph.neighbours[inner])


def merge_labels(labels: Indices, first: Indices, second: Indices) -> Indices:
    """Assign to each element the smallest label of all connected elements.

    Args:
        labels: (N,) int64, position of the element, or -1.
        first: (L,) int64, elements linked to the elements in `second`.
        second: (L,) int64.
    """
    while True:
        merged = labels.copy()
        np.minimum.at(merged, labels[first], labels[second])
        np.minimum.at(merged, labels[second], labels[first])
        merged = np.where(merged >= 0, merged[merged], -1)
        if np.array_equal(merged, labels):
            return labels
        labels = merged


def _count_lines(graph: PixelGraph, labels: Indices) -> Indices:
    """Return the number of lines at each branching point. The index is the label."""
    sources = graph.sources()
    leaving = (labels[sources] >= 0) & (labels[graph.neighbours] < 0)
    return np.bincount(labels[sources[leaving]], minlength=len(labels))


def _short_spurs(
    graph: PixelGraph, labels: Indices, canvas: Canvas, radii: Distances
) -> list[Spur]:
    rows, columns = canvas.rows_and_columns()
    widths = 2 * radii
    limit = int(widths.max(initial=0)) + 1
    lines = _lines_from_ends(graph, limit)
    if not lines:
        return []
    ends = np.array([(pixels[0], last) for pixels, last in lines])
    first, last = ends.T
    lengths = np.hypot(rows[first] - rows[last], columns[first] - columns[last])
    short = lengths < widths[last]
    points, distances = labels[last].tolist(), lengths.tolist()
    return [
        Spur(points[index], distances[index], lines[index][0])
        for index in np.flatnonzero(short).tolist()
    ]


def _lines_from_ends(graph: PixelGraph, limit: int) -> list[tuple[list[int], int]]:
    """Follow the line from each end point to the next branching or end point.

    Args:
        graph: pixels of a skeleton.
        limit: maximum number of pixels of a line.

    Returns:
        One pair for each line that has at most `limit` pixels: the pixels without the last one, and
        the last one, which is a branching or end point.
    """
    degrees = element_sequence(graph.degrees)
    starts, neighbours = element_sequence(graph.starts), element_sequence(graph.neighbours)
    lines: list[tuple[list[int], int]] = []
    for end in np.flatnonzero(graph.degrees <= 1).tolist():
        pixels = [end]
        previous = current = end
        if degrees[end]:
            current = neighbours[starts[end]]
        while degrees[current] == 2 and len(pixels) < limit:
            pixels.append(current)
            following = neighbours[starts[current]]
            if following == previous:
                following = neighbours[starts[current] + 1]
            previous, current = current, following
        if degrees[current] != 2:
            lines.append((pixels, current))
    return lines


def _select_pixels(spurs: Iterable[Spur], lines: Indices) -> list[int]:
    """Return the pixels of the spurs to remove. Two lines of each branching point are kept."""
    pixels: list[int] = []
    removed: dict[int, int] = {}
    for spur in sorted(spurs):
        point = spur.branching_point
        removed[point] = removed.get(point, 0) + 1
        if point < 0 or removed[point] <= max(1, lines[point] - 2):
            pixels += spur.pixels
    return pixels
