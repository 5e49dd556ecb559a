"""Vessel trees: trunks along the arcades, branches grown from them, widths by Murray's law."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseg.synthetic.arcades import Points, trunks
from edgeseg.synthetic.growth import BEYOND, Growth
from edgeseg.synthetic.noise import Field, knots, read
from edgeseg.synthetic.scene import Scene

# (points that want blood, radius at which they are content): large branches first, then what lies between.
_STAGES = ((24, 0.17), (130, 0.085), (420, 0.046), (300, 0.04))
_SHORTEST = 4  # pieces; shorter twigs look like thorns
_TIP = 0.0016  # half width where a vessel ends: a pixel wide in a photograph of 565 pixels


@dataclass(frozen=True)
class Tree:
    """Vessels as pieces from a node to its parent.

    Attributes:
        points: (N, 2) float64; a parent comes before its children.
        parents: (N,) int64, -1 where a trunk begins.
        radii: (N,) float64, half widths.
    """

    points: Points
    parents: npt.NDArray[np.int64]
    radii: npt.NDArray[np.float64]


def grow(scene: Scene, rng: np.random.Generator) -> tuple[Tree, Tree]:
    """Grow veins and arteries, which share the retina between them. Returns (veins, arteries)."""
    calibre = rng.uniform(0.0106, 0.0134)
    ratio = rng.uniform(0.66, 0.8)  # arteriole to venule
    apart = rng.choice([-1.0, 1.0]) * rng.uniform(0.03, 0.06)
    veins, arteries = (Growth(trunks(scene, rng, side * apart), scene, rng) for side in (1, -1))
    for count, content in _STAGES:
        for mine, other in ((veins, arteries), (arteries, veins)):
            mine.colonise(_thirsty(scene, rng, count, other.points), content, rng)
    warp = [knots(rng, 22, 22) for _ in range(2)]
    return (
        _finish(veins, calibre, [*warp, *(knots(rng, 64, 64) for _ in range(2))]),
        _finish(arteries, calibre * ratio, [*warp, *(knots(rng, 64, 64) for _ in range(2))]),
    )


def _thirsty(scene: Scene, rng: np.random.Generator, count: int, taken: Points) -> Points:
    """Points that want blood: none in the fovea, few on the disc, few where the other tree already runs."""
    angle, reach = rng.uniform(0, 2 * np.pi, count), BEYOND * np.sqrt(rng.uniform(0, 1, count))
    points = np.stack([reach * np.cos(angle), reach * np.sin(angle)], 1)
    fovea = np.linalg.norm(points - scene.macula, axis=1) > rng.uniform(0.07, 0.16, count)
    disc = np.linalg.norm(points - scene.disc, axis=1) > 1.3 * scene.disc_radius
    points = points[fovea & disc]
    return np.asarray(points[_gaps(points, taken) > 0.03])


def _gaps(points: Points, others: Points) -> npt.NDArray[np.float64]:
    """Distance from each point to the nearest of the others."""
    across = points[:, 0, None] - others[None, :, 0]
    down = points[:, 1, None] - others[None, :, 1]
    return np.asarray(np.sqrt((across * across + down * down).min(1)), dtype=np.float64)


def _finish(growth: Growth, calibre: float, fields: list[Field]) -> Tree:
    kept, parents = _pruned(growth.parents)
    points = _smoothed(growth.points[kept], parents)
    points = points + 0.011 * read(fields[:2], points) + 0.0042 * read(fields[2:], points)
    return _halved(Tree(points, parents, _murray(parents, calibre)))


def _pruned(parents: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices of what stays without the shortest twigs, and its parents."""
    length = np.ones(len(parents), np.int64)  # pieces from the branching, or from the root, to here
    children = np.bincount(parents[parents >= 0], minlength=len(parents))
    for node in np.flatnonzero(parents >= 0):
        length[node] = 1 if children[parents[node]] > 1 else length[parents[node]] + 1
    stays = np.ones(len(parents), bool)
    for tip in np.flatnonzero((children == 0) & (length < _SHORTEST)):
        node = tip
        for _ in range(length[tip]):
            stays[node], node = False, parents[node]
    kept = np.flatnonzero(stays)
    place = np.cumsum(stays) - 1
    return kept, np.where(parents[kept] >= 0, place[parents[kept]], -1)


def _smoothed(points: Points, parents: npt.NDArray[np.int64], rounds: int = 3) -> Points:
    """Each node between its parent and its children: growth by pieces leaves corners."""
    inner = parents >= 0
    for _ in range(rounds):
        total, count = points.copy(), np.ones(len(points))
        np.add.at(total, parents[inner], points[inner])
        np.add.at(count, parents[inner], 1)
        total[inner] += points[parents[inner]]
        count[inner] += 1
        points = np.where((count > 2)[:, None], total / count[:, None], points)
    return points


def _murray(parents: npt.NDArray[np.int64], calibre: float) -> npt.NDArray[np.float64]:
    """Half widths with r^3 = r1^3 + r2^3 (Murray 1926), the widest one `calibre`.

    A piece also feeds twigs too thin to be seen: it adds a little of its own, so that vessels taper between
    branches.
    """
    flow = np.ones(len(parents))
    for node in range(len(parents) - 1, -1, -1):
        if parents[node] >= 0:
            flow[parents[node]] += flow[node]
    tip = _TIP**3
    return np.asarray(np.cbrt(tip + (calibre**3 - tip) * flow / flow.max()))


def _halved(tree: Tree) -> Tree:
    """Put a node into the middle of every piece, on the curve through its neighbours (four-point scheme)."""
    points, parents = tree.points, tree.parents
    count = len(points)
    inner = np.flatnonzero(parents >= 0)
    parent = parents[inner]
    child = np.arange(count)
    heirs = np.lexsort((tree.radii[inner], parent))
    child[parent[heirs]] = inner[heirs]  # the widest child comes last and stays
    before = np.where(parents[parent] >= 0, parents[parent], parent)
    middle = (9 * (points[inner] + points[parent]) - points[child[inner]] - points[before]) / 16
    halved = parents.copy()
    halved[inner] = count + np.arange(len(inner))
    radii = (tree.radii[inner] + np.minimum(tree.radii[parent], tree.radii[inner] * 1.25)) / 2
    return Tree(
        np.concatenate([points, middle]),
        np.concatenate([halved, parent]),
        np.concatenate([tree.radii, radii]),
    )
