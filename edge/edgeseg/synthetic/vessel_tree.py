"""Vessel trees: trunks along the arcades, grown branches, and widths that follow Murray's law."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from edgeseg.synthetic.noise import Field, noise_grid, sample_vectors
from edgeseg.synthetic.scene import Scene
from edgeseg.synthetic.vessel_growth import BEYOND, SEGMENT, Growth, Points, Trunk

# Bezier control points relative to the disc, in radii of the field of view. x points to the macula,
# which is at x = 0.7. y points away from the line between disc and macula, upwards or downwards.
_TEMPORAL = ((0.0, 0.0), (-0.06, 0.30), (0.16, 0.66), (0.72, 0.70), (1.20, 0.55), (1.60, 0.34))
_NASAL = ((0.0, 0.0), (-0.08, 0.20), (-0.26, 0.36), (-0.50, 0.62), (-0.70, 1.0))
_MACULAR = ((0.0, 0.0), (0.10, 0.10), (0.20, 0.17), (0.36, 0.13))
_STRAIGHT = ((0.0, 0.0), (-0.16, 0.03), (-0.34, 0.08), (-0.60, 0.12))
# Number of attractors and kill distance of each stage: large branches first, then smaller ones.
_STAGES = ((24, 0.17), (130, 0.085), (420, 0.046), (300, 0.04))
_MIN_TWIG_SEGMENTS = 4  # shorter twigs are not realistic
_TIP_RADIUS = 0.0016  # a width of one pixel in a photograph of 565 pixels


@dataclass(frozen=True)
class VesselTree:
    """Vessels as segments between a node and its parent.

    Attributes:
        points: (N, 2) float64, scene coordinates; parents precede their children.
        parents: (N,) int64, -1 at the start of a trunk.
        radii: (N,) float64, half widths.
    """

    points: Points
    parents: npt.NDArray[np.int64]
    radii: npt.NDArray[np.float64]


def grow_vessels(scene: Scene, rng: np.random.Generator) -> tuple[VesselTree, VesselTree]:
    """Grow the veins and arteries of one retina alternately, in several stages.

    Returns:
        Veins and arteries.
    """
    max_radius = rng.uniform(0.0106, 0.0134)
    artery_ratio = rng.uniform(0.66, 0.8)
    offset = rng.choice([-1.0, 1.0]) * rng.uniform(0.03, 0.06)
    veins = Growth(_make_trunks(scene, rng, offset), scene, rng)
    arteries = Growth(_make_trunks(scene, rng, -offset), scene, rng)
    for count, kill_distance in _STAGES:
        for tree, other in ((veins, arteries), (arteries, veins)):
            tree.colonise(_sample_attractors(scene, rng, count, other.points), kill_distance, rng)
    warp = [noise_grid(rng, 22, 22) for _ in range(2)]
    vein_warp = [noise_grid(rng, 64, 64) for _ in range(2)]
    artery_warp = [noise_grid(rng, 64, 64) for _ in range(2)]
    return (
        _finish_tree(veins, max_radius, warp, vein_warp),
        _finish_tree(arteries, max_radius * artery_ratio, warp, artery_warp),
    )


def _make_trunks(scene: Scene, rng: np.random.Generator, offset: float) -> list[Trunk]:
    """Generate four arcades with their first branches, and a few small vessels.

    `offset` moves the tree outwards, so that veins and arteries run side by side.
    """
    trunks: list[Trunk] = []
    root = rng.normal((-0.025, 0.0), (0.012, 0.012))
    for side in (-1.0, 1.0):
        line = partial(_make_line, scene, rng, root, side=side)
        trunks.append(Trunk(line(_TEMPORAL, offset=offset, jitter=0.045), None))
        temporal = len(trunks) - 1
        for first, last in ((0.14, 0.3), (0.34, 0.6)):
            share = rng.uniform(first, last)
            trunks += _make_branch(trunks, temporal, share=share, side=side, scene=scene, rng=rng)
        trunks.append(Trunk(line(_NASAL, offset=1.5 * offset, jitter=0.06), None))
        if rng.random() < 0.6:
            points = line(_MACULAR, offset=offset / 2, jitter=0.03)
            trunks.append(Trunk(points, None, branch_cost=2.0))
        if rng.random() < 0.5:
            trunks.append(Trunk(line(_STRAIGHT, offset=offset, jitter=0.03), None))
    return trunks


def _make_branch(
    trunks: list[Trunk],
    trunk: int,
    *,
    share: float,
    side: float,
    scene: Scene,
    rng: np.random.Generator,
) -> list[Trunk]:
    """Create a large branch from a point on a trunk to the periphery if there is space."""
    line = trunks[trunk].points
    point = round(share * (len(line) - 1))
    start = line[point]
    ahead = line[min(point + 3, len(line) - 1)] - start
    ahead = ahead / np.linalg.norm(ahead)
    near, far = ((52, 88), (40, 60)) if share < 0.32 else ((44, 66), (4, 20))
    angle = np.deg2rad(rng.uniform(*(near if rng.random() < 0.5 else far))) * side
    goal = 1.15 * np.array([np.cos(angle) * scene.temporal, np.sin(angle)])
    length = np.linalg.norm(goal - start)
    control = np.stack([start, start + 0.3 * length * ahead, start + 0.62 * (goal - start), goal])
    control[2] += rng.normal(0, 0.06, 2)
    points = _resample(_bezier(control, np.linspace(0, 1, 300)))[1:]
    return [Trunk(points, (trunk, point))] if len(points) > 12 else []


def _make_line(
    scene: Scene,
    rng: np.random.Generator,
    root: Points,
    control_points: tuple[tuple[float, float], ...],
    *,
    side: float,
    offset: float,
    jitter: float,
) -> Points:
    """Create a trunk of equal segments from control points, which are shifted randomly."""
    count = len(control_points)
    noise = rng.normal(0, jitter, (count, 2)) * np.linspace(0, 1, count)[:, None]
    control = np.array(control_points) + noise
    control[1:, 1] += offset * np.linspace(0.5, 1.0, count - 1)
    control[0] = root * (1, side)
    t = np.linspace(0, 1, 400)
    curve = _bezier(control, t)
    # This wave makes the vein and the artery cross at some points.
    curve[:, 1] += 0.035 * np.sin(t * rng.uniform(5, 9) + rng.uniform(0, 6)) * np.minimum(6 * t, 1)
    curve *= np.array([scene.temporal, side])
    curve[:, 1] += t * (scene.macula[1] - scene.disc[1])
    curve += scene.disc
    return _resample(curve)


def _resample(curve: Points) -> Points:
    """Resample a curve to segments of equal length.

    The curve ends at 1.15 radii from the centre of the field of view.
    """
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    positions = np.arange(0, length[-1], SEGMENT)
    even = np.stack([np.interp(positions, length, curve[:, axis]) for axis in (0, 1)], 1)
    outside = np.flatnonzero(np.linalg.norm(even, axis=1) > 1.15)
    return even[: outside[0]] if len(outside) else even


def _bezier(control: Points, t: npt.NDArray[np.float64]) -> Points:
    """Evaluate a Bezier curve at the parameters `t` with De Casteljau's algorithm."""
    level = np.repeat(control[None], len(t), 0)
    while level.shape[1] > 1:
        level = level[:, :-1] * (1 - t)[:, None, None] + level[:, 1:] * t[:, None, None]
    return np.asarray(level[:, 0])


def _sample_attractors(
    scene: Scene, rng: np.random.Generator, count: int, other_tree: Points
) -> Points:
    """Sample attractors outside the fovea and the disc. They are not close to the other tree."""
    angle, radius = rng.uniform(0, 2 * np.pi, count), BEYOND * np.sqrt(rng.uniform(0, 1, count))
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    fovea = np.linalg.norm(points - scene.macula, axis=1) > rng.uniform(0.07, 0.16, count)
    disc = np.linalg.norm(points - scene.disc, axis=1) > 1.3 * scene.disc_radius
    points = points[fovea & disc]
    x = points[:, 0, None] - other_tree[None, :, 0]
    y = points[:, 1, None] - other_tree[None, :, 1]
    return np.asarray(points[np.sqrt((x * x + y * y).min(1)) > 0.03])


def _finish_tree(
    growth: Growth, max_radius: float, coarse_warp: list[Field], fine_warp: list[Field]
) -> VesselTree:
    kept, parents = _prune_twigs(growth.parents)
    points = _smooth_points(growth.points[kept], parents)
    coarse, fine = sample_vectors(coarse_warp, points), sample_vectors(fine_warp, points)
    points = points + 0.011 * coarse + 0.0042 * fine
    return _subdivide(VesselTree(points, parents, _murray_radii(parents, max_radius)))


def _prune_twigs(
    parents: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Remove the shortest twigs. Return the indices of the other nodes and their parents."""
    length = np.ones(len(parents), np.int64)  # segments since the last branching or the root
    children = np.bincount(parents[parents >= 0], minlength=len(parents))
    for node in np.flatnonzero(parents >= 0):
        length[node] = 1 if children[parents[node]] > 1 else length[parents[node]] + 1
    keep = np.ones(len(parents), bool)
    for tip in np.flatnonzero((children == 0) & (length < _MIN_TWIG_SEGMENTS)):
        node = tip
        for _ in range(length[tip]):
            keep[node] = False
            node = parents[node]
    kept = np.flatnonzero(keep)
    new_index = np.cumsum(keep) - 1
    return kept, np.where(parents[kept] >= 0, new_index[parents[kept]], -1)


def _smooth_points(points: Points, parents: npt.NDArray[np.int64], rounds: int = 3) -> Points:
    """Smooth corners by moving each node between its parent and its children."""
    inner = parents >= 0
    for _ in range(rounds):
        total, count = points.copy(), np.ones(len(points))
        np.add.at(total, parents[inner], points[inner])
        np.add.at(count, parents[inner], 1)
        total[inner] += points[parents[inner]]
        count[inner] += 1
        points = np.where((count > 2)[:, None], total / count[:, None], points)
    return points


def _murray_radii(parents: npt.NDArray[np.int64], max_radius: float) -> npt.NDArray[np.float64]:
    """Return half widths with r^3 = r1^3 + r2^3 (Murray 1926), at most `max_radius`.

    Each segment also supplies invisible twigs and therefore adds a small flow. For this reason,
    vessels also become thinner between branches.
    """
    flow = np.ones(len(parents))
    for node in range(len(parents) - 1, -1, -1):
        if parents[node] >= 0:
            flow[parents[node]] += flow[node]
    tip = _TIP_RADIUS**3
    return np.asarray(np.cbrt(tip + (max_radius**3 - tip) * flow / flow.max()))


def _subdivide(tree: VesselTree) -> VesselTree:
    """Insert a node into each segment with the four-point scheme, which smooths the curve."""
    points, parents, radii = tree.points, tree.parents, tree.radii
    count = len(points)
    inner = np.flatnonzero(parents >= 0)
    parent = parents[inner]
    child = np.arange(count)
    by_width = np.lexsort((radii[inner], parent))
    child[parent[by_width]] = inner[by_width]  # the last assignment is the widest child
    before = np.where(parents[parent] >= 0, parents[parent], parent)
    middle = (9 * (points[inner] + points[parent]) - points[child[inner]] - points[before]) / 16
    new_parents = parents.copy()
    new_parents[inner] = count + np.arange(len(inner))
    middle_radii = (radii[inner] + np.minimum(radii[parent], radii[inner] * 1.25)) / 2
    return VesselTree(
        np.concatenate([points, middle]),
        np.concatenate([new_parents, parent]),
        np.concatenate([radii, middle_radii]),
    )
