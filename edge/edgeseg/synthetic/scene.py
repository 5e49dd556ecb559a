"""What is in front of the camera: where things lie, and in which colours.

Lengths are in radii of the field of view, from its centre, x right and y down: nothing depends on the size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Mean RGB inside the field of view of real photographs: DRIVE 01, 08, 19; CHASE_DB1 01L, 05R;
# HRF 01_h, 03_dr, 05_g; FIVES 10_A, 22_A.
_COLOURS = (
    (164, 100, 55), (194, 85, 56), (136, 73, 47), (146, 62, 18), (205, 68, 16),
    (195, 70, 41), (207, 86, 41), (182, 56, 24), (128, 78, 24), (161, 83, 27),
)  # fmt: skip

Vector = npt.NDArray[np.float64]
"""(2,) or (3,) float64."""


@dataclass(frozen=True)
class Scene:
    """One eye before one camera.

    Attributes:
        centre: of the field of view, as a share of the frame's side.
        radius: of the field of view, as a share of the frame's side.
        cut: half the height at which the circle is cut flat above and below; 1 or more leaves it whole.
        notch: angle of the small bump that marks a camera's upper right, or None.
        temporal: +1 where the temple lies to the right of the disc, -1 to the left.
        disc: centre of the optic disc.
        disc_radius: half its height.
        cup: the cup's share of the disc's radius.
        macula: centre of the macula.
        colour: mean RGB of the retina, 0 to 255.
        depth: how dark vessels are, 1 is usual.
        streaks: how much of the choroid shows through, 0 to 1.
        focus: blur of the optics, 1 is usual.
        noise: of the sensor, grey levels of standard deviation.
        bright: how strong the pale flecks (drusen, exudates) are, 0 for none, 1 at most.
        dark: the same of dark lesions (haemorrhages).
    """

    centre: Vector
    radius: float
    cut: float
    notch: float | None
    temporal: int
    disc: Vector
    disc_radius: float
    cup: float
    macula: Vector
    colour: Vector
    depth: float
    streaks: float
    focus: float
    noise: float
    bright: float
    dark: float


def compose(rng: np.random.Generator) -> Scene:
    """Choose one eye and one camera."""
    temporal = 1 if rng.random() < 0.5 else -1
    macula = np.array([rng.normal(0.0, 0.05) + 0.04 * temporal, rng.normal(0.04, 0.04)])
    # Disc to fovea is 15.5 degrees and the field 45 degrees wide: 0.69 radii, the disc a little higher.
    disc = macula + np.array([-temporal * rng.normal(0.70, 0.025), rng.normal(-0.07, 0.025)])
    if rng.random() < 0.25:
        shift = np.array([temporal * rng.uniform(0.25, 0.6), rng.normal(0.0, 0.03)])
        macula, disc = macula + shift, disc + shift
    radius = float(rng.uniform(0.465, 0.495))
    ill = rng.random() < 0.22
    return Scene(
        centre=np.array([0.5, 0.5]) + rng.uniform(-0.004, 0.004, 2),
        radius=radius,
        cut=float(rng.uniform(0.8, 0.92)) if rng.random() < 0.2 else 1.5,
        notch=float(np.deg2rad(rng.uniform(-46, -34))) if rng.random() < 0.45 else None,
        temporal=temporal,
        disc=disc,
        disc_radius=float(rng.normal(0.148, 0.009)),
        cup=float(rng.uniform(0.3, 0.58)),
        macula=macula,
        colour=_colour(rng),
        depth=float(rng.uniform(0.72, 1.08)),
        streaks=float(rng.beta(1.2, 2.6)),
        focus=float(rng.uniform(0.8, 1.35)),
        noise=float(rng.uniform(1.4, 2.6)),
        bright=float(rng.uniform(0.4, 1.0)) if ill and rng.random() < 0.7 else 0.0,
        dark=float(rng.uniform(0.4, 1.0)) if ill and rng.random() < 0.6 else 0.0,
    )


def _colour(rng: np.random.Generator) -> Vector:
    """A mixture of two real photographs' colours, a little lighter or darker."""
    first, second = rng.choice(len(_COLOURS), 2, replace=False)
    share = rng.uniform(0.0, 0.4)
    mixed = (1 - share) * np.array(_COLOURS[first], float) + share * np.array(
        _COLOURS[second], float
    )
    return np.asarray(mixed * rng.uniform(0.92, 1.08), dtype=np.float64)


@dataclass(frozen=True)
class Grid:
    """Scene coordinates (S, S) float32 of every pixel's centre."""

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]

    @classmethod
    def of(cls, scene: Scene, size: int) -> Grid:
        """Coordinates of the pixels of a frame of `size` x `size`."""
        pixels = (np.arange(size) + 0.5) / size
        x = ((pixels - scene.centre[0]) / scene.radius).astype(np.float32)
        y = ((pixels - scene.centre[1]) / scene.radius).astype(np.float32)
        across, down = np.meshgrid(x, y)
        return cls(across, down)

    @property
    def size(self) -> int:
        """Side of the frame in pixels."""
        return int(self.x.shape[0])

    def distance(
        self, point: Vector, width: float = 1.0, height: float = 1.0
    ) -> npt.NDArray[np.float32]:
        """Distance (S, S) of every pixel from `point`, 1 on the ellipse of half axes `width` and `height`."""
        across = (self.x - np.float32(point[0])) / np.float32(width)
        down = (self.y - np.float32(point[1])) / np.float32(height)
        return np.asarray(np.sqrt(across * across + down * down), dtype=np.float32)
