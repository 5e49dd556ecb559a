"""Tracing of segments in a skeleton. A segment is a line between branching points or end points."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgeseg.measures.pixel_graph import Indices, PixelGraph, element_sequence

Line = list[int]


class TracedLines(NamedTuple):
    """Lines of a skeleton, stored in one array.

    Attributes:
        pixels: (M,) int64, positions in `PixelGraph.pixels`, in the order of the lines.
        lengths: (S,) int64, number of pixels of each line.
        closed: (S,) bool, True for loops. The last pixel of a loop is equal to the first pixel.
    """

    pixels: Indices
    lengths: Indices
    closed: npt.NDArray[np.bool_]


def trace_lines(graph: PixelGraph, labels: Indices) -> TracedLines:
    """Trace every line once, from a branching point or end point to the next.

    The first and last pixel of a line are branching or end points. The time is linear in the
    number of pixels.

    Args:
        graph: pixels of a pruned skeleton.
        labels: (N,) int64, branching point of each pixel; -1 for others.
    """
    visited = bytearray(len(graph.pixels))
    lines = _trace_open_lines(graph, labels, visited)
    count = len(lines)
    lines += _trace_closed_lines(graph, visited)
    pixels: Line = []
    for line in lines:
        pixels += line
    lengths = np.array([len(line) for line in lines], np.int64)
    return TracedLines(np.array(pixels, np.int64), lengths, np.arange(len(lines)) >= count)


def _trace_open_lines(graph: PixelGraph, labels: Indices, visited: bytearray) -> list[Line]:
    degrees = element_sequence(graph.degrees)
    starts, neighbours = element_sequence(graph.starts), element_sequence(graph.neighbours)
    lines: list[Line] = []
    for node in np.flatnonzero(graph.degrees != 2).tolist():
        for first in neighbours[starts[node] : starts[node + 1]]:
            if degrees[first] != 2:
                # A link inside a branching point is not a line. Other links are traced in one
                # direction.
                if node < first and (labels[node] < 0 or labels[node] != labels[first]):
                    lines.append([node, first])
                continue
            if visited[first]:
                continue
            line = [node]
            previous, current = node, first
            while degrees[current] == 2:
                visited[current] = 1
                line.append(current)
                following = neighbours[starts[current]]
                if following == previous:
                    following = neighbours[starts[current] + 1]
                previous, current = current, following
            line.append(current)
            lines.append(line)
    return lines


def _trace_closed_lines(graph: PixelGraph, visited: bytearray) -> list[Line]:
    starts, neighbours = element_sequence(graph.starts), element_sequence(graph.neighbours)
    lines: list[Line] = []
    for start in np.flatnonzero(graph.degrees == 2).tolist():
        line: Line = []
        current = start
        while not visited[current]:
            visited[current] = 1
            line.append(current)
            current, other = neighbours[starts[current] : starts[current] + 2]
            if visited[current]:
                current = other
        if line:
            lines.append([*line, start])
    return lines
