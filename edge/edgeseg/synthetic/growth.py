"""Growth of one tree by space colonisation.

Runions et al., "Modeling Trees with a Space Colonization Algorithm", 2007: points that want blood pull the
nearest vessel towards them. "Nearest" also asks for little turning here: retinal branches leave forwards.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseg.synthetic.arcades import PIECE, Points, Trunk
from edgeseg.synthetic.noise import knots, read
from edgeseg.synthetic.scene import Scene

BEYOND = 1.06
"""Distance from the centre up to which points want blood: vessels run on past the edge of the picture."""

# A branch leaves at acos(1.4 / 2.4), about 54 degrees, before it is smoothed.
_TURNING = 1.4
_INERTIA = 1.1
_WANDER = 0.24  # how far a growing vessel strays from the straight way
_BACKWARDS = -0.2  # cosine with the way from the disc below which a vessel stops
_FOVEA = 0.09  # radius of the zone without vessels that a photograph shows
_EDGE = 1.3  # no vessel goes as far


def _cell(places: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Row or column of the ground, in cells of a quarter of a piece."""
    return np.floor((np.clip(places, -_EDGE, _EDGE) + _EDGE) * (4 / PIECE)).astype(np.int64) + 3


class Growth:
    """A tree while it grows."""

    def __init__(self, lines: list[Trunk], scene: Scene, rng: np.random.Generator) -> None:
        self.scene = scene
        self.points: Points = np.concatenate([line.points for line in lines])
        self.parents = np.arange(-1, len(self.points) - 1)
        starts = np.cumsum([0, *(len(line.points) for line in lines[:-1])])
        for start, line in zip(starts, lines, strict=True):
            self.parents[start] = (
                -1 if line.leaves is None else starts[line.leaves[0]] + line.leaves[1]
            )
        self.drift = [knots(rng, 36, 36) for _ in range(2)]
        ahead = self.points - self.points[np.maximum(self.parents, 0)]
        self.tolls = np.concatenate([np.full(len(line.points), line.toll) for line in lines])
        self.ground = np.zeros((int(8 * _EDGE / PIECE) + 10,) * 2, np.bool_)
        self._occupy(self.points)
        self.headings = ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
        self.children = np.bincount(self.parents[self.parents >= 0], minlength=len(self.points))

    def colonise(self, wanting: Points, content: float, rng: np.random.Generator) -> None:
        """Grow towards the points of `wanting` until each has a vessel within `content` or none can come."""
        price, nearest = self._prices(wanting, 0)
        for _ in range(120):
            pulled = (
                np.linalg.norm(wanting - self.points[nearest], axis=1) > content
            ) & np.isfinite(price)
            wanting, price, nearest = wanting[pulled], price[pulled], nearest[pulled]
            before = len(self.points)
            if not len(wanting) or not self._sprout(wanting, nearest, rng):
                return
            new_price, new_nearest = self._prices(wanting, before)
            nearest = np.where(new_price < price, new_nearest, nearest)
            price = np.minimum(price, new_price)

    def _prices(
        self, wanting: Points, first: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Price (distance, dearer with turning) and index of the cheapest node from `first` on."""
        if not len(wanting):
            return np.zeros(0), np.zeros(0, np.int64)
        across = wanting[:, 0, None] - self.points[None, first:, 0]
        down = wanting[:, 1, None] - self.points[None, first:, 1]
        distance = np.sqrt(across * across + down * down)
        along = across * self.headings[None, first:, 0] + down * self.headings[None, first:, 1]
        price = distance * (1 + _TURNING) - _TURNING * along
        outside = np.hypot(self.points[first:, 0], self.points[first:, 1]) > BEYOND - 0.06
        price *= self.tolls[first:]
        price[:, outside | (self.children[first:] >= 2)] = (
            np.inf
        )  # nothing comes back into the picture from outside
        price[along < 0.25 * distance] = np.inf  # nor turns back
        best = price.argmin(1)
        return price[np.arange(len(wanting)), best], best + first

    def _sprout(
        self, wanting: Points, nearest: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> bool:
        """Every node that is pulled puts out one piece; pieces that would run into a vessel are dropped."""
        way = wanting - self.points[nearest]
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        nodes, which = np.unique(nearest, return_inverse=True)
        pull = np.zeros((len(nodes), 2))
        np.add.at(pull, which.reshape(-1), way)
        pull /= np.maximum(np.linalg.norm(pull, axis=1, keepdims=True), 1e-9)
        ahead = (
            pull + _INERTIA * self.headings[nodes] + _WANDER * read(self.drift, self.points[nodes])
        )
        ahead += rng.normal(0, 0.15, pull.shape)
        ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
        points = self.points[nodes] + PIECE * ahead
        free = ~self.ground[_cell(points[:, 1]), _cell(points[:, 0])] & (self.children[nodes] < 2)
        free &= self._allowed(self.points[nodes], points)
        self._append(points[free], nodes[free], ahead[free])
        return bool(free.any())

    def _allowed(self, start: Points, end: Points) -> npt.NDArray[np.bool_]:
        """Not back towards the disc, not into the fovea, not across the raphe between it and the temple."""
        out, ahead = end - self.scene.disc, end - start
        onwards = (out * ahead).sum(1) > _BACKWARDS * PIECE * np.linalg.norm(out, axis=1)
        fovea = np.linalg.norm(end - self.scene.macula, axis=1) < _FOVEA
        axis = self.scene.macula - self.scene.disc
        above = [
            (place - self.scene.disc) @ np.array([-axis[1], axis[0]]) > 0 for place in (start, end)
        ]
        crosses = (above[0] != above[1]) & (out @ axis > 0)
        return np.asarray(onwards & ~fovea & ~crosses)

    def _occupy(self, points: Points) -> None:
        """Mark the ground around new nodes, less than a piece wide, so that no other vessel comes there."""
        rows, columns = _cell(points[:, 1]), _cell(points[:, 0])
        reach = np.arange(-3, 4)
        for down, across in ((d, a) for d in reach for a in reach if d * d + a * a <= 8):
            self.ground[rows + down, columns + across] = True

    def _append(self, points: Points, parents: npt.NDArray[np.int64], headings: Points) -> None:
        self._occupy(points)
        self.points = np.concatenate([self.points, points])
        self.parents = np.concatenate([self.parents, parents])
        self.headings = np.concatenate([self.headings, headings])
        self.tolls = np.concatenate([self.tolls, self.tolls[parents]])
        np.add.at(self.children, parents, 1)
        self.children = np.concatenate([self.children, np.zeros(len(points), np.int64)])
