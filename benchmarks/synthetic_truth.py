"""Exact lengths and widths of the vessels in a synthetic photograph."""

import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask
from edgeseg.synthetic.scene import Scene
from edgeseg.synthetic.vessel_tree import VesselTree

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_CHUNK = 500  # number of steps per block; a block is compared with all steps at once


def exact_steps(
    trees: tuple[VesselTree, VesselTree], scene: Scene, fov: Mask
) -> tuple[Floats, Floats]:
    """Return the length and the drawn width in pixels of each visible step of the vessels.

    A step is not visible if it is outside the field of view, or inside a wider vessel (at crossings
    and at the start of a branch).

    Args:
        trees: veins and arteries.
        scene: scene of the photograph.
        fov: (S, S) uint8, nonzero inside the field of view.
    """
    size = len(fov)
    middles: list[Floats] = []
    lengths: list[Floats] = []
    radii: list[Floats] = []
    branches: list[Indices] = []
    for tree in trees:
        inner = np.flatnonzero(tree.parents >= 0)
        first, last = tree.points[inner], tree.points[tree.parents[inner]]
        middles.append((scene.centre + scene.radius * (first + last) / 2) * size - 0.5)
        lengths.append(np.hypot(*(first - last).T) * scene.radius * size)
        radii.append(tree.radii[inner] * scene.radius * size)
        branches.append(_label_branches(tree)[inner] + 1_000_000 * len(branches))
    middle, radius = np.concatenate(middles), np.concatenate(radii)
    column, row = np.clip(np.rint(middle).astype(int), 0, size - 1).T
    visible = fov[row, column] > 0
    visible &= ~_covered(middle, radius, np.concatenate(branches))
    return np.concatenate(lengths)[visible], _drawn_widths(2 * radius[visible], size)


def _drawn_widths(widths: Floats, size: int) -> Floats:
    """Return the widths of the drawn lines. Lines are drawn at two or four times the size.

    At this size, OpenCV draws lines one pixel wider than requested, and half-covered pixels belong
    to the mask. The added value was measured on straight lines as the area divided by the length,
    minus the requested width.
    """
    scale, excess = (4, 0.32) if size <= 1024 else (2, 0.75)
    return np.asarray(np.maximum(np.rint(widths * scale), scale) / scale + excess)


def _label_branches(tree: VesselTree) -> Indices:
    """Return the branch number of each node. The widest child of a node continues its branch."""
    count = len(tree.parents)
    widest = np.full(count, -1)
    order = np.argsort(tree.radii, kind="stable")
    inner = order[tree.parents[order] >= 0]
    widest[tree.parents[inner]] = inner  # the widest child is last and overwrites the others
    labels = np.arange(count)
    pending = np.flatnonzero(tree.parents < 0).tolist()
    children: dict[int, list[int]] = {}
    for node in np.flatnonzero(tree.parents >= 0).tolist():
        children.setdefault(int(tree.parents[node]), []).append(node)
    while pending:
        node = pending.pop()
        for child in children.get(node, ()):
            if widest[node] == child:
                labels[child] = labels[node]
            pending.append(child)
    return labels


def _covered(middle: Floats, radius: Floats, branch: Indices) -> npt.NDArray[np.bool_]:
    """Return True for each step that is inside a wider step of another branch."""
    covered = np.zeros(len(middle), bool)
    for start in range(0, len(middle), _CHUNK):
        part = slice(start, start + _CHUNK)
        distance = np.hypot(
            middle[part, 0, None] - middle[:, 0], middle[part, 1, None] - middle[:, 1]
        )
        wider = radius > radius[part, None]
        covered[part] = ((distance < radius) & wider & (branch != branch[part, None])).any(1)
    return covered
