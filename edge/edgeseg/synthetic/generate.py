"""Generation of a synthetic photograph from scene, vessels, retina and camera."""

from dataclasses import dataclass

import cv2
import numpy as np

from edgeseg.errors import UsageError
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.synthetic.noise import Field, noise_field, random_generator
from edgeseg.synthetic.retina import Light, absorb_by_vessels, paint_retina
from edgeseg.synthetic.scene import Grid, Scene, Vector, compose_scene
from edgeseg.synthetic.vessel_masks import VesselMasks, draw_vessels
from edgeseg.synthetic.vessel_tree import grow_vessels

# Range of sides in pixels. The appearance was checked from 256 to 2048 pixels.
SMALLEST, LARGEST = 64, 4096

_SOFT_SIZE = 512  # all parts except vessels and noise are drawn at this side and then enlarged


@dataclass(frozen=True)
class SyntheticPhoto:
    """A synthetic photograph with its ground truth.

    Attributes:
        photo: (S, S, 3) uint8 RGB.
        truth: (S, S) uint8, 255 for vessels inside the field of view, otherwise 0.
        fov: (S, S) uint8, 255 inside the field of view, otherwise 0.
    """

    photo: Photo
    truth: Mask
    fov: Mask


def generate_photo(seed: int, size: int = 1024) -> SyntheticPhoto:
    """Generate a fundus photograph of `size` x `size` pixels.

    The seed determines the eye. The seed and the size determine every byte.

    Args:
        seed: integer from 0.
        size: side in pixels, 64 to 4096.

    Raises:
        UsageError: The seed is negative, or the size is out of range.
    """
    if seed < 0:
        raise UsageError(f"invalid seed {seed}. Use an integer from 0.")
    if not SMALLEST <= size <= LARGEST:
        raise UsageError(f"invalid size {size}. Use {SMALLEST} to {LARGEST} pixels.")
    scene = compose_scene(random_generator(seed, "scene"))
    veins, arteries = grow_vessels(scene, random_generator(seed, "tree"))
    vessels = draw_vessels(veins, arteries, scene, size)
    fov = _render_fov(scene, size)
    light, stray = _render_light(seed, scene, vessels, size)
    photo = _expose(light, stray, scene, fov, random_generator(seed, "camera"))
    truth = np.where(fov > 0, vessels.extent, 0).astype(np.uint8)
    return SyntheticPhoto(photo=photo, truth=truth, fov=fov)


def _render_fov(scene: Scene, size: int) -> Mask:
    """Render the field of view, (size, size): a circle with optional straight edges or a tab."""
    mask = np.zeros((size, size), np.uint8)
    radius = scene.radius * size
    centre = scene.centre * size - 0.5
    _fill_circle(mask, centre, radius)
    if scene.tab_angle is not None:
        outward = np.array([np.cos(scene.tab_angle), np.sin(scene.tab_angle)])
        _fill_circle(mask, centre + radius * outward, 0.045 * radius)
    rows = np.abs((np.arange(size) - centre[1]) / radius)
    mask[rows > scene.cut] = 0
    return mask


def _fill_circle(mask: Mask, centre: Vector, radius: float) -> None:
    x, y, fixed_radius = np.rint(np.array([*centre, radius]) * 16).astype(int).tolist()
    cv2.circle(mask, (x, y), fixed_radius, 255, -1, cv2.LINE_8, 4)


def _render_light(seed: int, scene: Scene, vessels: VesselMasks, size: int) -> tuple[Light, Field]:
    """Render the light from the retina, (3, S, S), and the stray light, (S, S)."""
    grid = Grid.of(scene, min(size, _SOFT_SIZE))
    rng, lamp_rng = random_generator(seed, "retina"), random_generator(seed, "lamp")
    soft = _illuminate(paint_retina(scene, grid, rng), grid, lamp_rng)
    light = np.stack([_enlarge(plane, size) for plane in soft])
    light = absorb_by_vessels(light, scene, grid, vessels, rng)
    return light, _enlarge(_stray_light(grid, lamp_rng), size)


def _enlarge(field: Field, size: int) -> Field:
    return np.asarray(cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)


def _illuminate(retina: Light, grid: Grid, rng: np.random.Generator) -> Light:
    """Apply uneven illumination in place: brightest near the middle, darker outwards."""
    distance = np.square(grid.distance(rng.normal(0, 0.16, 2)))
    falloff = rng.uniform(0.14, 0.44)
    slow = noise_field(rng, grid.size, 4) * np.float32(0.06)
    # The eye scatters red light most. Therefore the falloff of red is the smallest.
    for channel, share in enumerate((0.85, 1.0, 0.9)):
        factor = 1 + np.float32(falloff * share) * (np.float32(0.5) - distance) + slow
        retina[channel] *= np.maximum(factor, np.float32(0.15))
    return retina


def _stray_light(grid: Grid, rng: np.random.Generator) -> Field:
    """Render the pale crescent near one edge of a photograph that is not centred, (S, S)."""
    angle = rng.uniform(0, 2 * np.pi)
    strength = rng.uniform(0, 26) * (rng.random() < 0.6)
    radius = grid.distance(np.zeros(2))
    along = grid.x * np.float32(np.cos(angle)) + grid.y * np.float32(np.sin(angle))
    side = along / np.maximum(radius, 0.1)
    near_edge = np.exp(np.minimum(radius - 1, np.float32(0.2)) / np.float32(0.09))
    return np.asarray(near_edge * np.clip(side, 0, 1) ** 2 * np.float32(strength), np.float32)


def _expose(light: Light, stray: Field, scene: Scene, fov: Mask, rng: np.random.Generator) -> Photo:
    """Add blur, noise and the camera response to the light of the retina and the stray light.

    Returns:
        (S, S, 3) uint8 RGB.
    """
    size = fov.shape[0]
    blur = max(0.00115 * size * scene.blur, 0.25)
    soft_fov = cv2.GaussianBlur(fov, (0, 0), max(0.0013 * size, 0.35))
    edge = soft_fov.astype(np.float32) / np.float32(255)
    grain = _pixel_noise(rng, size) * np.float32(2.3)
    noise_level = np.float32(scene.noise) * (np.float32(0.25) + np.float32(0.75) * edge)
    photo = np.empty((size, size, 3), np.uint8)
    for channel, share in enumerate((0.5, 1.0, 0.9)):
        plane = (cv2.GaussianBlur(light[channel], (0, 0), blur) + np.float32(share) * stray) * edge
        noise = grain + np.float32(0.8) * _colour_noise(rng, size)
        plane += noise_level * noise + np.float32(1.5)
        photo[:, :, channel] = np.clip(np.rint(_compress_highlights(plane)), 0, 255)
    return photo


def _pixel_noise(rng: np.random.Generator, size: int) -> Field:
    """Generate noise with a grain of one pixel, which remains after demosaicking."""
    white = rng.standard_normal((size, size), dtype=np.float32)
    return np.asarray(cv2.GaussianBlur(white, (0, 0), 0.75), dtype=np.float32)


def _colour_noise(rng: np.random.Generator, size: int) -> Field:
    """Generate noise with a grain of two pixels, because JPEG stores colour at half resolution."""
    half = (size + 1) // 2
    white = rng.standard_normal((half, half), dtype=np.float32)
    return np.asarray(cv2.resize(white, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)


def _compress_highlights(light: Field) -> Field:
    """Compress levels above 215, like a camera with soft clipping."""
    over = np.maximum(light - np.float32(215), 0)
    shoulder = np.float32(42) * (1 - np.exp(-over / np.float32(42)))
    return np.asarray(np.minimum(light, np.float32(215)) + shoulder, dtype=np.float32)
