"""The great vessels as they leave the optic disc."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from edgeseg.synthetic.scene import Scene

Points = npt.NDArray[np.float64]
"""(N, 2) float64 in scene coordinates."""

PIECE = 0.016
"""Length of a vessel's piece, in radii of the field of view."""
# Bezier points from the disc, x towards the macula (one disc-to-macula distance is 0.7), y outwards.
_TEMPORAL = ((0.0, 0.0), (-0.06, 0.30), (0.16, 0.66), (0.72, 0.70), (1.20, 0.55), (1.60, 0.34))
_NASAL = ((0.0, 0.0), (-0.08, 0.20), (-0.26, 0.36), (-0.50, 0.62), (-0.70, 1.0))
_MACULAR = ((0.0, 0.0), (0.10, 0.10), (0.20, 0.17), (0.36, 0.13))
_STRAIGHT = ((0.0, 0.0), (-0.16, 0.03), (-0.34, 0.08), (-0.60, 0.12))


@dataclass(frozen=True)
class Trunk:
    """A great vessel.

    Attributes:
        points: (N, 2) float64, PIECE apart.
        leaves: (trunk, point) of an earlier trunk that it leaves, or None where it comes out of the disc.
        toll: how much dearer than from an arcade it is to branch from here; keeps small vessels small.
    """

    points: Points
    leaves: tuple[int, int] | None
    toll: float = 1.0


def trunks(scene: Scene, rng: np.random.Generator, apart: float) -> list[Trunk]:
    """Four arcades with their first branches, and a few small vessels.

    `apart` moves the whole tree outwards, so that veins and arteries run side by side.
    """
    found: list[Trunk] = []
    root = rng.normal((-0.025, 0.0), (0.012, 0.012))
    for outwards in (-1.0, 1.0):
        line = partial(_line, scene, rng, root, outwards=outwards)
        found.append(Trunk(line(_TEMPORAL, apart=apart, loose=0.045), None))
        temporal = len(found) - 1
        for first, last in ((0.14, 0.3), (0.34, 0.6)):
            share = rng.uniform(first, last)
            found.extend(
                _branch(found, temporal, share=share, outwards=outwards, scene=scene, rng=rng)
            )
        found.append(Trunk(line(_NASAL, apart=1.5 * apart, loose=0.06), None))
        if rng.random() < 0.6:
            found.append(Trunk(line(_MACULAR, apart=apart / 2, loose=0.03), None, toll=2.0))
        if rng.random() < 0.5:
            found.append(Trunk(line(_STRAIGHT, apart=apart, loose=0.03), None))
    return found


def _branch(
    found: list[Trunk],
    trunk: int,
    *,
    share: float,
    outwards: float,
    scene: Scene,
    rng: np.random.Generator,
) -> list[Trunk]:
    """A large branch from `share` of the trunk's length to the periphery, none where there is no room."""
    line = found[trunk].points
    point = round(share * (len(line) - 1))
    start, ahead = line[point], line[min(point + 3, len(line) - 1)] - line[point]
    ahead = ahead / np.linalg.norm(ahead)
    near, far = ((52, 88), (40, 60)) if share < 0.32 else ((44, 66), (4, 20))
    angle = np.deg2rad(rng.uniform(*(near if rng.random() < 0.5 else far))) * outwards
    goal = 1.15 * np.array([np.cos(angle) * scene.temporal, np.sin(angle)])
    length = np.linalg.norm(goal - start)
    control = np.stack([start, start + 0.3 * length * ahead, start + 0.62 * (goal - start), goal])
    control[2] += rng.normal(0, 0.06, 2)
    points = _even(_bezier(control, np.linspace(0, 1, 300)))[1:]
    return [Trunk(points, (trunk, point))] if len(points) > 12 else []


def _line(
    scene: Scene,
    rng: np.random.Generator,
    root: Points,
    bends: tuple[tuple[float, float], ...],
    *,
    outwards: float,
    apart: float,
    loose: float,
) -> Points:
    """One trunk in pieces of equal length, its bends moved at random by `loose` and sideways by `apart`."""
    control = (
        np.array(bends)
        + rng.normal(0, loose, (len(bends), 2)) * np.linspace(0, 1, len(bends))[:, None]
    )
    control[1:, 1] += apart * np.linspace(0.5, 1.0, len(bends) - 1)
    control[0] = root * (1, outwards)
    t = np.linspace(0, 1, 400)
    curve = _bezier(control, t)
    # Vein and artery wander about each other and sometimes cross.
    curve[:, 1] += 0.035 * np.sin(t * rng.uniform(5, 9) + rng.uniform(0, 6)) * np.minimum(6 * t, 1)
    curve *= np.array([scene.temporal, outwards])
    curve[:, 1] += t * (scene.macula[1] - scene.disc[1])
    curve += scene.disc
    return _even(curve)


def _even(curve: Points) -> Points:
    """The curve in pieces of equal length, as far as it can be seen."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    at = np.arange(0, length[-1], PIECE)
    even = np.stack([np.interp(at, length, curve[:, axis]) for axis in (0, 1)], 1)
    outside = np.flatnonzero(np.linalg.norm(even, axis=1) > 1.15)
    return even[: outside[0]] if len(outside) else even


def _bezier(control: Points, t: npt.NDArray[np.float64]) -> Points:
    """De Casteljau's scheme at the parameters `t`."""
    level = np.repeat(control[None], len(t), 0)
    while level.shape[1] > 1:
        level = level[:, :-1] * (1 - t)[:, None, None] + level[:, 1:] * t[:, None, None]
    return np.asarray(level[:, 0])
