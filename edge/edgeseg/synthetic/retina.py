"""Light that comes back from the retina: background, macula, lesions, disc; then the vessels take theirs."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.synthetic.noise import Field, knots, sample, smooth_field
from edgeseg.synthetic.scene import Grid, Scene
from edgeseg.synthetic.vessel_masks import Vessels

Light = npt.NDArray[np.float32]
"""(3, S, S) float32 R, G, B planes, about 0 to 255, not yet clipped."""

Colour = npt.NDArray[np.float32]
"""(3,) float32 RGB."""

# How strongly blood takes red, green and blue light: measured on the wide vessels of the real photographs,
# exp(-x) is 0.95, 0.75 and 0.82 beside the background.
_VEIN = (0.15, 0.52, 0.34)
_ARTERY = (0.045, 0.37, 0.27)
_ROSY = (0.0, 0.10, 0.12)  # what the nasal rim lacks


def paint_retina(scene: Scene, grid: Grid, rng: np.random.Generator) -> Light:
    """Paint everything but the vessels, (3, S, S) float32 on the pixels of `grid`."""
    light = _background(scene, grid, rng)
    _macula(light, scene, grid)
    _lesions(light, scene, grid, rng)
    return _disc(light, scene, grid, rng)


def _tint(light: Light, field: Field, strength: tuple[float, float, float]) -> None:
    """Multiply each channel by 1 + strength x field, in place."""
    for channel, amount in enumerate(strength):
        light[channel] *= 1 + np.float32(amount) * field


def _background(scene: Scene, grid: Grid, rng: np.random.Generator) -> Light:
    size = grid.size
    light = np.empty((3, size, size), np.float32)
    light[:] = scene.colour.astype(np.float32)[:, None, None]
    _tint(light, smooth_field(rng, size, 7), (0.05, 0.08, 0.08))
    _tint(light, smooth_field(rng, size, 24), (0.018, 0.034, 0.036))
    _tint(light, smooth_field(rng, size, 150), (0.010, 0.021, 0.02))
    _tint(
        light,
        _choroid(scene, grid, rng),
        (0.09 * scene.streaks, 0.16 * scene.streaks, 0.12 * scene.streaks),
    )
    _tint(light, _fibres(scene, grid, rng), (0.01, 0.045, 0.05))
    return light


def _choroid(scene: Scene, grid: Grid, rng: np.random.Generator) -> Field:
    """Pale bands between the vessels under the retina, more in some places than in others."""
    size = grid.size
    bend = smooth_field(rng, size, 22) * np.float32(0.012)
    angle, away = _polar(grid, scene.macula)
    rays = sample(knots(rng, 20, 60), angle + bend, np.sqrt(away / 2) + bend)
    net = sample(
        knots(rng, 46, 60),
        (grid.x + 1.2) / np.float32(2.4) + bend,
        (grid.y + 1.2) / np.float32(2.4) - bend,
    )
    bands = np.exp(-np.square(rays / np.float32(0.6))) + np.exp(-np.square(net / np.float32(0.6)))
    places = np.clip(smooth_field(rng, size, 5) * np.float32(0.5) + away * np.float32(0.8), 0, 1.2)
    return np.asarray((bands - np.float32(1.0)) * places, dtype=np.float32)


def _fibres(scene: Scene, grid: Grid, rng: np.random.Generator) -> Field:
    """Nerve fibres: fine rays from the disc, brightest above and below it."""
    angle, away = _polar(grid, scene.disc)
    rays = sample(knots(rng, 10, 110), angle, np.clip(away, 0, 1))
    poles = np.float32(0.35) + np.sin(np.float32(np.pi) * angle) ** 2
    near = np.exp(-np.square((away - np.float32(0.22)) / np.float32(0.22)))
    return np.asarray(near * poles * (rays * np.float32(0.5) + np.float32(0.9)), dtype=np.float32)


def _polar(grid: Grid, point: npt.NDArray[np.float64]) -> tuple[Field, Field]:
    """Angle 0 to 1 from the right, the same above and below so that no seam is seen, and distance."""
    angle = np.arctan2(np.abs(grid.y - np.float32(point[1])), grid.x - np.float32(point[0]))
    return angle / np.float32(np.pi), grid.distance(point)


def _macula(light: Light, scene: Scene, grid: Grid) -> None:
    away = grid.distance(scene.macula)
    wide = np.exp(-np.square(away / np.float32(0.24)))
    narrow = np.exp(-np.square(away / np.float32(0.1)))
    _tint(light, wide, (-0.10, -0.17, -0.14))
    _tint(light, narrow, (-0.15, -0.30, -0.27))
    _tint(light, np.exp(-np.square(away / np.float32(0.012))), (0.06, 0.16, 0.16))


def _lesions(light: Light, scene: Scene, grid: Grid, rng: np.random.Generator) -> None:
    """Distractors: pale flecks (drusen, exudates) and dark blots (haemorrhages)."""
    _tint(light, _flecks(scene, grid, rng, 130) * np.float32(scene.bright), (0.14, 0.5, 0.45))
    _tint(light, _flecks(scene, grid, rng, 90) * np.float32(scene.dark), (-0.22, -0.42, -0.35))


def _flecks(scene: Scene, grid: Grid, rng: np.random.Generator, cells: int) -> Field:
    """Uneven flecks, 0 to 1, in a patch near the macula: the tops of a fine random landscape."""
    patch = scene.macula + rng.normal(0, 0.2, 2)
    near = np.exp(-np.square(grid.distance(patch, *rng.uniform(0.14, 0.34, 2))))
    tops = smooth_field(rng, grid.size, cells) + np.float32(2.2) * near - np.float32(3.3)
    return np.asarray(np.clip(tops * np.float32(2.5), 0, 1), dtype=np.float32)


def _disc(light: Light, scene: Scene, grid: Grid, rng: np.random.Generator) -> Light:
    """The pale disc: its nasal rim rosy, its cup nearly white, a thin shadow around it."""
    towards = np.array([scene.temporal, 0.0]) * scene.disc_radius
    uneven = smooth_field(rng, grid.size, 20) * np.float32(0.045)
    away = grid.distance(scene.disc, 0.88 * scene.disc_radius, scene.disc_radius) + uneven
    cup_radius = scene.cup * scene.disc_radius
    hollow = grid.distance(scene.disc + 0.14 * towards, cup_radius, 1.1 * cup_radius) + uneven
    nasal = np.clip(
        (np.float32(scene.disc[0]) - grid.x) * np.float32(scene.temporal / scene.disc_radius), -1, 1
    )
    _tint(
        light,
        np.exp(-np.square((away - np.float32(1.14)) / np.float32(0.14))),
        (-0.05, -0.10, -0.08),
    )
    inside = _step(1 - away, 0.13 + 0.09 * nasal) * (
        np.float32(0.9) - np.float32(0.16) * np.maximum(nasal, 0)
    )
    deep = _step(1 - hollow, 0.3)
    for channel, (rim, cup) in enumerate(zip(*_pallor(scene), strict=True)):
        pale = rim * (1 - _ROSY[channel] * nasal) + (cup - rim) * deep
        light[channel] += (pale - light[channel]) * inside
    return light


def _pallor(scene: Scene) -> tuple[Colour, Colour]:
    """Colours of the disc's rim and cup, half the camera's, half their own; never greener than yellow."""
    red = scene.colour[0]
    seen = np.minimum(scene.colour * (1.3, 2.3, 2.2), red * np.array([1.3, 0.90, 0.48]))
    bright = 0.35 + 0.65 * red / 180
    rim = (seen + bright * np.array([236, 156, 84])) / 2
    cup = (seen + bright * np.array([288, 262, 176])) / 2
    return rim.astype(np.float32), cup.astype(np.float32)


def _step(value: Field, softness: float | Field) -> Field:
    """0 below, 1 above, smooth over `softness`."""
    return np.asarray(1 / (1 + np.exp(-np.clip(4 * value / softness, -30, 30))), dtype=np.float32)


def add_blood(
    light: Light, scene: Scene, grid: Grid, vessels: Vessels, rng: np.random.Generator
) -> Light:
    """Let the vessels take light by the law of Beer and Lambert; where they cross, the darker one is seen.

    Args:
        light: (3, S, S) float32 of the retina, changed in place.
        scene: what is drawn.
        grid: a coarser frame, on which the depth of blood varies.
        vessels: the trees on S x S pixels.
        rng: stream of the retina.
    """
    size = light.shape[1]
    uneven = (1 + np.float32(0.10) * smooth_field(rng, grid.size, 18)) * np.float32(scene.depth)
    # Over the pale disc no light from the tissue behind fills a vessel up: it is darker there.
    disc = np.exp(
        -np.square(grid.distance(scene.disc) / np.float32(scene.disc_radius)) * np.float32(0.8)
    )
    for channel, more in enumerate((0.6, 1.0, 1.7)):
        depth = cv2.resize(
            uneven * (1 + np.float32(more) * disc), (size, size), interpolation=cv2.INTER_LINEAR
        )
        vein, artery = np.float32(_VEIN[channel]), np.float32(_ARTERY[channel])
        light[channel] *= np.exp(
            -np.maximum(vessels.veins * vein, vessels.arteries * artery) * depth
        )
    return light
