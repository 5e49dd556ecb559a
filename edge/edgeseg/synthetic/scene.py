"""Scene: eye and camera, independent of the size in pixels.

The origin of scene coordinates is the centre of the field of view, x points to the right, and y
points down. The unit is the radius of the field of view.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

# Mean RGB inside the field of view of published photographs: DRIVE 01, 08, 19; CHASE_DB1 01L, 05R;
# HRF 01_h, 03_dr, 05_g; FIVES 10_A, 22_A.
_COLOURS = (
    (164, 100, 55), (194, 85, 56), (136, 73, 47), (146, 62, 18), (205, 68, 16),
    (195, 70, 41), (207, 86, 41), (182, 56, 24), (128, 78, 24), (161, 83, 27),
)  # fmt: skip

Vector = npt.NDArray[np.float64]  # (2,) or (3,) float64


@dataclass(frozen=True)
class Scene:
    """Eye and camera to render.

    Attributes:
        centre: centre of the field of view as a share of the frame's side.
        radius: radius of the field of view as a share of the frame's side.
        cut: distance of the straight edges at top and bottom from the centre; 1 or more for no
            edges.
        tab_angle: angle in radians of the tab that marks the upper right in the camera; None if
            the camera has no tab.
        temporal: +1 if the temporal side is to the right of the disc, -1 if it is to the left.
        disc: centre of the optic disc.
        disc_radius: half the height of the optic disc.
        cup: radius of the cup as a share of the disc's radius.
        macula: centre of the macula.
        colour: mean RGB of the retina, 0 to 255.
        depth: light absorption of the vessels; 1 is typical.
        choroid: visibility of the choroid, 0 to 1.
        blur: blur of the optics; 1 is typical.
        noise: standard deviation of the sensor noise in grey levels.
        pale_lesions: strength of drusen and exudates, 0 to 1.
        dark_lesions: strength of haemorrhages, 0 to 1.
    """

    centre: Vector
    radius: float
    cut: float
    tab_angle: float | None
    temporal: int
    disc: Vector
    disc_radius: float
    cup: float
    macula: Vector
    colour: Vector
    depth: float
    choroid: float
    blur: float
    noise: float
    pale_lesions: float = 0.0
    dark_lesions: float = 0.0


def compose_scene(rng: np.random.Generator) -> Scene:
    """Choose one eye and one camera at random."""
    temporal = 1 if rng.random() < 0.5 else -1
    macula = np.array([rng.normal(0.0, 0.05) + 0.04 * temporal, rng.normal(0.04, 0.04)])
    # The distance from disc to fovea is 15.5 degrees, and the field of view has a radius of 22.5
    # degrees. Therefore the distance is 0.69 radii.
    disc = macula + np.array([-temporal * rng.normal(0.70, 0.025), rng.normal(-0.07, 0.025)])
    if rng.random() < 0.25:
        shift = np.array([temporal * rng.uniform(0.25, 0.6), rng.normal(0.0, 0.03)])
        macula, disc = macula + shift, disc + shift
    radius = float(rng.uniform(0.465, 0.495))
    has_lesions = rng.random() < 0.22
    scene = Scene(
        centre=np.array([0.5, 0.5]) + rng.uniform(-0.004, 0.004, 2),
        radius=radius,
        cut=_uniform_or(rng, 0.2, 0.8, 0.92, 1.5),
        tab_angle=float(np.deg2rad(rng.uniform(-46, -34))) if rng.random() < 0.45 else None,
        temporal=temporal,
        disc=disc,
        disc_radius=float(rng.normal(0.148, 0.009)),
        cup=float(rng.uniform(0.3, 0.58)),
        macula=macula,
        colour=_mix_colour(rng),
        depth=float(rng.uniform(0.72, 1.08)),
        choroid=float(rng.beta(1.2, 2.6)),
        blur=float(rng.uniform(0.8, 1.35)),
        noise=float(rng.uniform(1.4, 2.6)),
    )
    if not has_lesions:
        return scene
    return replace(
        scene,
        pale_lesions=_uniform_or(rng, 0.7, 0.4, 1.0, 0.0),
        dark_lesions=_uniform_or(rng, 0.6, 0.4, 1.0, 0.0),
    )


def _uniform_or(
    rng: np.random.Generator, probability: float, low: float, high: float, default: float
) -> float:
    """With a probability, return a random number from `low` to `high`, otherwise `default`."""
    return float(rng.uniform(low, high)) if rng.random() < probability else default


def _mix_colour(rng: np.random.Generator) -> Vector:
    """Mix the colours of two published photographs, and vary the brightness."""
    indices = rng.choice(len(_COLOURS), 2, replace=False)
    share = rng.uniform(0.0, 0.4)
    first, second = np.array(_COLOURS, float)[indices]
    mixed = (1 - share) * first + share * second
    return np.asarray(mixed * rng.uniform(0.92, 1.08), dtype=np.float64)


@dataclass(frozen=True)
class Grid:
    """Scene coordinates of the pixel centres.

    Attributes:
        x: (S, S) float32.
        y: (S, S) float32.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]

    @classmethod
    def of(cls, scene: Scene, size: int) -> Grid:
        """Compute the coordinates of a frame of `size` x `size` pixels."""
        pixels = (np.arange(size) + 0.5) / size
        x = ((pixels - scene.centre[0]) / scene.radius).astype(np.float32)
        y = ((pixels - scene.centre[1]) / scene.radius).astype(np.float32)
        return cls(*np.meshgrid(x, y))

    @property
    def size(self) -> int:
        """Side of the frame in pixels."""
        return int(self.x.shape[0])

    def distance(
        self, point: Vector, width: float = 1.0, height: float = 1.0
    ) -> npt.NDArray[np.float32]:
        """Return the distance of every pixel from a point, scaled to 1 on an ellipse.

        Args:
            point: centre of the ellipse, scene coordinates.
            width: horizontal half-axis of the ellipse.
            height: vertical half-axis of the ellipse.

        Returns:
            (S, S) float32.
        """
        x = (self.x - np.float32(point[0])) / np.float32(width)
        y = (self.y - np.float32(point[1])) / np.float32(height)
        return np.asarray(np.sqrt(x * x + y * y), dtype=np.float32)
