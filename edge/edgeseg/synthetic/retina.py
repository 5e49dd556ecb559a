"""Light from the retina (background, macula, lesions, disc), and absorption by the vessels."""

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.synthetic.noise import Field, noise_field, noise_grid, sample_field
from edgeseg.synthetic.scene import Grid, Scene
from edgeseg.synthetic.vessel_masks import VesselMasks

Light = npt.NDArray[np.float32]  # (3, S, S) float32 R, G and B planes, about 0 to 255, not clipped

Colour = npt.NDArray[np.float32]  # (3,) float32 RGB

# Absorption of red, green and blue light by blood, measured on the wide vessels of published
# photographs. In those photographs, the brightness of a vessel relative to the background, exp(-x),
# is 0.95, 0.75 and 0.82.
_VEIN_ABSORPTION = (0.15, 0.52, 0.34)
_ARTERY_ABSORPTION = (0.045, 0.37, 0.27)
_NASAL_RIM = (0.0, 0.10, 0.12)  # absorption of light by the nasal rim of the disc


def paint_retina(scene: Scene, grid: Grid, rng: np.random.Generator) -> Light:
    """Draw the retina without vessels at the pixels of `grid`."""
    light = _paint_background(scene, grid, rng)
    _paint_macula(light, scene, grid)
    _paint_lesions(light, scene, grid, rng)
    _paint_disc(light, scene, grid, rng)
    return light


def _tint(light: Light, field: Field, strength: tuple[float, float, float]) -> None:
    """Multiply each channel by 1 + strength x field, in place."""
    for channel, amount in enumerate(strength):
        light[channel] *= 1 + np.float32(amount) * field


def _gaussian(distance: Field, width: float) -> Field:
    return np.asarray(np.exp(-np.square(distance / np.float32(width))), dtype=np.float32)


def _paint_background(scene: Scene, grid: Grid, rng: np.random.Generator) -> Light:
    size = grid.size
    light = np.empty((3, size, size), np.float32)
    light[:] = scene.colour.astype(np.float32)[:, None, None]
    _tint(light, noise_field(rng, size, 7), (0.05, 0.08, 0.08))
    _tint(light, noise_field(rng, size, 24), (0.018, 0.034, 0.036))
    _tint(light, noise_field(rng, size, 150), (0.010, 0.021, 0.02))
    strength = (0.09 * scene.choroid, 0.16 * scene.choroid, 0.12 * scene.choroid)
    _tint(light, _choroid(scene, grid, rng), strength)
    _tint(light, _nerve_fibres(scene, grid, rng), (0.01, 0.045, 0.05))
    return light


def _choroid(scene: Scene, grid: Grid, rng: np.random.Generator) -> Field:
    """Generate pale bands between the vessels of the choroid, with varying strength."""
    size = grid.size
    bend = noise_field(rng, size, 22) * np.float32(0.012)
    angle, distance = _polar(grid, scene.macula)
    rays = sample_field(noise_grid(rng, 20, 60), angle + bend, np.sqrt(distance / 2) + bend)
    x, y = (grid.x + 1.2) / np.float32(2.4) + bend, (grid.y + 1.2) / np.float32(2.4) - bend
    net = sample_field(noise_grid(rng, 46, 60), x, y)
    bands = _gaussian(rays, 0.6) + _gaussian(net, 0.6)
    uneven = noise_field(rng, size, 5) * np.float32(0.5) + distance * np.float32(0.8)
    return np.asarray((bands - np.float32(1.0)) * np.clip(uneven, 0, 1.2), dtype=np.float32)


def _nerve_fibres(scene: Scene, grid: Grid, rng: np.random.Generator) -> Field:
    """Generate the nerve fibres: fine rays that start at the disc, brightest above and below it."""
    angle, distance = _polar(grid, scene.disc)
    rays = sample_field(noise_grid(rng, 10, 110), angle, np.clip(distance, 0, 1))
    poles = np.float32(0.35) + np.sin(np.float32(np.pi) * angle) ** 2
    near = _gaussian(distance - np.float32(0.22), 0.22)
    return np.asarray(near * poles * (rays * np.float32(0.5) + np.float32(0.9)), dtype=np.float32)


def _polar(grid: Grid, point: npt.NDArray[np.float64]) -> tuple[Field, Field]:
    """Return the angle (0 to 1) and the distance of each pixel relative to a point.

    The angle is the same above and below the point, which avoids a seam.
    """
    angle = np.arctan2(np.abs(grid.y - np.float32(point[1])), grid.x - np.float32(point[0]))
    return angle / np.float32(np.pi), grid.distance(point)


def _paint_macula(light: Light, scene: Scene, grid: Grid) -> None:
    distance = grid.distance(scene.macula)
    _tint(light, _gaussian(distance, 0.24), (-0.10, -0.17, -0.14))
    _tint(light, _gaussian(distance, 0.1), (-0.15, -0.30, -0.27))
    _tint(light, _gaussian(distance, 0.012), (0.06, 0.16, 0.16))


def _paint_lesions(light: Light, scene: Scene, grid: Grid, rng: np.random.Generator) -> None:
    """Draw lesions: pale spots (drusen, exudates) and dark spots (haemorrhages)."""
    pale, dark = np.float32(scene.pale_lesions), np.float32(scene.dark_lesions)
    _tint(light, _flecks(scene, grid, rng, 130) * pale, (0.14, 0.5, 0.45))
    _tint(light, _flecks(scene, grid, rng, 90) * dark, (-0.22, -0.42, -0.35))


def _flecks(scene: Scene, grid: Grid, rng: np.random.Generator, cells: int) -> Field:
    """Generate irregular spots, 0 to 1, near the macula. They are peaks of a fine random field."""
    centre = scene.macula + rng.normal(0, 0.2, 2)
    near = np.exp(-np.square(grid.distance(centre, *rng.uniform(0.14, 0.34, 2))))
    peaks = noise_field(rng, grid.size, cells) + np.float32(2.2) * near - np.float32(3.3)
    return np.asarray(np.clip(peaks * np.float32(2.5), 0, 1), dtype=np.float32)


def _paint_disc(light: Light, scene: Scene, grid: Grid, rng: np.random.Generator) -> None:
    """Draw the pale disc with a reddish nasal rim, a nearly white cup and a thin shadow."""
    radius = scene.disc_radius
    uneven = noise_field(rng, grid.size, 20) * np.float32(0.045)
    distance = grid.distance(scene.disc, 0.88 * radius, radius) + uneven
    cup_radius = scene.cup * radius
    cup_centre = scene.disc + 0.14 * (np.array([scene.temporal, 0.0]) * radius)
    cup_distance = grid.distance(cup_centre, cup_radius, 1.1 * cup_radius) + uneven
    nasal = (np.float32(scene.disc[0]) - grid.x) * np.float32(scene.temporal / radius)
    nasal = np.clip(nasal, -1, 1)
    _tint(light, _gaussian(distance - np.float32(1.14), 0.14), (-0.05, -0.10, -0.08))
    opacity = np.float32(0.9) - np.float32(0.16) * np.maximum(nasal, 0)
    inside = _smooth_step(1 - distance, 0.13 + 0.09 * nasal) * opacity
    inside_cup = _smooth_step(1 - cup_distance, 0.3)
    rim_colour, cup_colour = _disc_colours(scene)
    for channel in range(3):
        rim, cup = rim_colour[channel], cup_colour[channel]
        pale = rim * (1 - _NASAL_RIM[channel] * nasal) + (cup - rim) * inside_cup
        light[channel] += (pale - light[channel]) * inside


def _disc_colours(scene: Scene) -> tuple[Colour, Colour]:
    """Return the colours of rim and cup: means of a colour from the scene and a typical colour."""
    red = scene.colour[0]
    seen = np.minimum(scene.colour * (1.3, 2.3, 2.2), red * np.array([1.3, 0.90, 0.48]))
    brightness = 0.35 + 0.65 * red / 180
    rim = (seen + brightness * np.array([236, 156, 84])) / 2
    cup = (seen + brightness * np.array([288, 262, 176])) / 2
    return rim.astype(np.float32), cup.astype(np.float32)


def _smooth_step(value: Field, softness: float | Field) -> Field:
    """Return a smooth step from 0 (value < 0) to 1 (value > 0) with a width of `softness`."""
    return np.asarray(1 / (1 + np.exp(-np.clip(4 * value / softness, -30, 30))), dtype=np.float32)


def absorb_by_vessels(
    light: Light, scene: Scene, grid: Grid, vessels: VesselMasks, rng: np.random.Generator
) -> Light:
    """Apply the Beer-Lambert law to the vessels. At a crossing, the darker vessel is visible.

    Args:
        light: light from the retina, (3, S, S) float32; changed in place.
        scene: scene to render.
        grid: coarser grid for the variation of the absorption.
        vessels: vessel masks of S x S pixels.
        rng: random generator of the retina.
    """
    size = light.shape[1]
    uneven = (1 + np.float32(0.10) * noise_field(rng, grid.size, 18)) * np.float32(scene.depth)
    # Vessels are darker over the disc, because no light from deeper tissue passes through them.
    disc_distance = grid.distance(scene.disc) / np.float32(scene.disc_radius)
    disc = np.exp(-np.square(disc_distance) * np.float32(0.8))
    for channel, gain in enumerate((0.6, 1.0, 1.7)):
        coarse_depth = uneven * (1 + np.float32(gain) * disc)
        depth = cv2.resize(coarse_depth, (size, size), interpolation=cv2.INTER_LINEAR)
        veins = vessels.veins * np.float32(_VEIN_ABSORPTION[channel])
        arteries = vessels.arteries * np.float32(_ARTERY_ABSORPTION[channel])
        light[channel] *= np.exp(-np.maximum(veins, arteries) * depth)
    return light
