"""Growth of a vessel tree by space colonisation.

Reference: Runions et al., "Modeling Trees with a Space Colonization Algorithm", 2007. In the
original algorithm, the nearest node grows towards each attractor. In this module, the node with the
lowest cost grows. The cost also depends on the turning angle, because retinal vessels branch in the
forward direction.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseg.synthetic.noise import noise_grid, sample_vectors
from edgeseg.synthetic.scene import Scene

Points = npt.NDArray[np.float64]  # (N, 2) float64 in scene coordinates
_Indices = npt.NDArray[np.int64]

SEGMENT = 0.016  # length of a segment in radii of the field of view
BEYOND = 1.06  # largest distance of an attractor from the centre (1 is the edge of the field)

_TURNING_COST = 1.4  # gives a branching angle of acos(1.4 / 2.4), about 54 degrees
_INERTIA = 1.1
_MEANDER = 0.24
_MIN_OUTWARD_COSINE = -0.2  # vessels that turn back to the disc stop
_AVASCULAR_RADIUS = 0.09  # radius of the zone without visible vessels around the fovea
_LIMIT = 1.3  # no vessel grows beyond this distance


@dataclass(frozen=True)
class Trunk:
    """A large vessel.

    Attributes:
        points: (N, 2) float64, at distances of `SEGMENT`.
        parent: index of the parent trunk and of the point where this trunk branches off; None if it
            starts at the disc.
        branch_cost: factor for the cost of growing from this trunk; a high factor gives fewer
            branches.
    """

    points: Points
    parent: tuple[int, int] | None
    branch_cost: float = 1.0


class Growth:
    """Growing tree of nodes. A node has a parent, a direction and a branch cost."""

    def __init__(self, trunks: list[Trunk], scene: Scene, rng: np.random.Generator) -> None:
        self.scene = scene
        self.points: Points = np.concatenate([trunk.points for trunk in trunks])
        self.parents = np.arange(-1, len(self.points) - 1)
        lengths = [len(trunk.points) for trunk in trunks]
        starts = np.cumsum([0, *lengths[:-1]])
        for start, trunk in zip(starts, trunks, strict=True):
            parent = trunk.parent
            self.parents[start] = -1 if parent is None else starts[parent[0]] + parent[1]
        self.drift = [noise_grid(rng, 36, 36) for _ in range(2)]
        self.costs = np.repeat([trunk.branch_cost for trunk in trunks], lengths)
        self.occupied = np.zeros((int(8 * _LIMIT / SEGMENT) + 10,) * 2, np.bool_)
        self._occupy(self.points)
        self.directions = _unit_vectors(self.points - self.points[np.maximum(self.parents, 0)])
        self.children = np.bincount(self.parents[self.parents >= 0], minlength=len(self.points))

    def colonise(self, attractors: Points, kill_distance: float, rng: np.random.Generator) -> None:
        """Grow until each attractor is within the kill distance of a node or cannot be reached."""
        cost, nearest = self._nearest_nodes(attractors, 0)
        for _ in range(120):
            distance = np.linalg.norm(attractors - self.points[nearest], axis=1)
            active = (distance > kill_distance) & np.isfinite(cost)
            attractors, cost, nearest = attractors[active], cost[active], nearest[active]
            count = len(self.points)
            if not len(attractors) or not self._extend(attractors, nearest, rng):
                return
            new_cost, new_nearest = self._nearest_nodes(attractors, count)
            nearest = np.where(new_cost < cost, new_nearest, nearest)
            cost = np.minimum(cost, new_cost)

    def _nearest_nodes(
        self, attractors: Points, first: int
    ) -> tuple[npt.NDArray[np.float64], _Indices]:
        """Return the cost and index of the cheapest node for each attractor.

        Nodes before `first` are ignored.

        The cost is the distance, increased by the turning angle. The cost is infinite if the node
        must not grow towards the attractor.
        """
        if not len(attractors):
            return np.zeros(0), np.zeros(0, np.int64)
        x = attractors[:, 0, None] - self.points[None, first:, 0]
        y = attractors[:, 1, None] - self.points[None, first:, 1]
        distance = np.sqrt(x * x + y * y)
        along = x * self.directions[None, first:, 0] + y * self.directions[None, first:, 1]
        cost = distance * (1 + _TURNING_COST) - _TURNING_COST * along
        cost *= self.costs[first:]
        # Vessels do not grow back into the frame from outside, and they do not reverse their
        # direction.
        outside = np.hypot(self.points[first:, 0], self.points[first:, 1]) > BEYOND - 0.06
        cost[:, outside | (self.children[first:] >= 2)] = np.inf
        cost[along < 0.25 * distance] = np.inf
        best = cost.argmin(1)
        return cost[np.arange(len(attractors)), best], best + first

    def _extend(self, attractors: Points, nearest: _Indices, rng: np.random.Generator) -> bool:
        """Extend each node that has attractors, unless the new segment would hit a vessel.

        Return whether a node was extended.
        """
        way = attractors - self.points[nearest]
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        nodes, inverse = np.unique(nearest, return_inverse=True)
        pull = np.zeros((len(nodes), 2))
        np.add.at(pull, inverse.reshape(-1), way)
        meander = _MEANDER * sample_vectors(self.drift, self.points[nodes])
        direction = _unit_vectors(pull) + _INERTIA * self.directions[nodes] + meander
        direction += rng.normal(0, 0.15, pull.shape)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        points = self.points[nodes] + SEGMENT * direction
        free = ~self.occupied[_cells(points[:, 1]), _cells(points[:, 0])]
        free &= (self.children[nodes] < 2) & self._is_allowed(self.points[nodes], points)
        self._append(points[free], nodes[free], direction[free])
        return bool(free.any())

    def _is_allowed(self, start: Points, end: Points) -> npt.NDArray[np.bool_]:
        """Return False for segments towards the disc, into the fovea or across the raphe."""
        disc = self.scene.disc
        axis = self.scene.macula - disc
        outward = end - disc
        step = end - start
        step_length = SEGMENT * np.linalg.norm(outward, axis=1)
        advances = (outward * step).sum(1) > _MIN_OUTWARD_COSINE * step_length
        in_fovea = np.linalg.norm(end - self.scene.macula, axis=1) < _AVASCULAR_RADIUS
        normal = np.array([-axis[1], axis[0]])
        changes_side = ((start - disc) @ normal > 0) != ((end - disc) @ normal > 0)
        crosses_raphe = changes_side & (outward @ axis > 0)
        return np.asarray(advances & ~in_fovea & ~crosses_raphe)

    def _occupy(self, points: Points) -> None:
        """Mark the cells around new nodes, so that no other vessel grows there."""
        rows, columns = _cells(points[:, 1]), _cells(points[:, 0])
        reach = np.arange(-3, 4)
        for down in reach:
            for across in reach[down * down + reach * reach <= 8]:
                self.occupied[rows + down, columns + across] = True

    def _append(self, points: Points, parents: _Indices, directions: Points) -> None:
        self._occupy(points)
        self.points = np.concatenate([self.points, points])
        self.parents = np.concatenate([self.parents, parents])
        self.directions = np.concatenate([self.directions, directions])
        self.costs = np.concatenate([self.costs, self.costs[parents]])
        np.add.at(self.children, parents, 1)
        self.children = np.concatenate([self.children, np.zeros(len(points), np.int64)])


def _unit_vectors(vectors: Points) -> Points:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def _cells(coordinates: npt.NDArray[np.float64]) -> _Indices:
    """Convert coordinates to rows or columns of the occupancy grid.

    A cell of the grid is a quarter of a segment wide.
    """
    shifted = np.clip(coordinates, -_LIMIT, _LIMIT) + _LIMIT
    return np.floor(shifted * (4 / SEGMENT)).astype(np.int64) + 3
