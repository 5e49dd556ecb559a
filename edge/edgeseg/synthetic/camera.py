"""The camera: field of view, uneven light, blur and noise."""

from __future__ import annotations

import cv2
import numpy as np

from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.synthetic.noise import Field, smooth_field
from edgeseg.synthetic.retina import Light
from edgeseg.synthetic.scene import Grid, Scene, Vector


def field_mask(scene: Scene, size: int) -> Mask:
    """The part of the frame (size, size) that shows the retina: a circle, perhaps cut or with a notch."""
    mask = np.zeros((size, size), np.uint8)
    scale = scene.radius * size
    centre = scene.centre * size - 0.5
    _disc(mask, centre, scale)
    if scene.notch is not None:
        edge = centre + scale * np.array([np.cos(scene.notch), np.sin(scene.notch)])
        _disc(mask, edge, 0.045 * scale)
    rows = np.abs((np.arange(size) - centre[1]) / scale)
    mask[rows > scene.cut] = 0
    return mask


def _disc(mask: Mask, centre: Vector, radius: float) -> None:
    x, y, r = (int(v) for v in np.rint(np.array([*centre, radius]) * 16))
    cv2.circle(mask, (x, y), r, 255, -1, cv2.LINE_8, 4)


def illuminate(retina: Light, grid: Grid, rng: np.random.Generator) -> Light:
    """Uneven light on the retina (3, S, S), in place: brighter in the middle, off centre."""
    away = np.square(grid.distance(rng.normal(0, 0.16, 2)))
    fall = rng.uniform(0.14, 0.44)
    slow = smooth_field(rng, grid.size, 4) * np.float32(0.06)
    for channel, share in enumerate(
        (0.85, 1.0, 0.9)
    ):  # red, which scatters most in the eye, falls off least
        retina[channel] *= np.maximum(
            1 + np.float32(fall * share) * (np.float32(0.5) - away) + slow, np.float32(0.15)
        )
    return retina


def haze(grid: Grid, rng: np.random.Generator) -> Field:
    """Stray light (S, S): a pale crescent near one edge, as of an eye not quite before the lens."""
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 26) * (rng.random() < 0.6)
    edge = grid.distance(np.zeros(2))
    side = (grid.x * np.float32(np.cos(angle)) + grid.y * np.float32(np.sin(angle))) / np.maximum(
        edge, 0.1
    )
    near = np.exp(np.minimum(edge - 1, np.float32(0.2)) / np.float32(0.09))
    return np.asarray(near * np.clip(side, 0, 1) ** 2 * np.float32(strength), dtype=np.float32)


def expose(light: Light, stray: Field, scene: Scene, fov: Mask, rng: np.random.Generator) -> Photo:
    """Light (3, S, S) and stray light (S, S) inside `fov` -> photograph (S, S, 3) uint8 RGB."""
    size = fov.shape[0]
    blur = max(0.00115 * size * scene.focus, 0.25)
    edge = cv2.GaussianBlur(fov, (0, 0), max(0.0013 * size, 0.35)).astype(np.float32) / np.float32(
        255
    )
    grain = _grain(rng, size, 0.75) * np.float32(2.3)
    noisy = np.float32(scene.noise) * (np.float32(0.25) + np.float32(0.75) * edge)
    photo = np.empty((size, size, 3), np.uint8)
    for channel, share in enumerate((0.5, 1.0, 0.9)):
        plane = (cv2.GaussianBlur(light[channel], (0, 0), blur) + np.float32(share) * stray) * edge
        plane += noisy * (grain + np.float32(0.8) * _coarse_grain(rng, size)) + np.float32(1.5)
        photo[:, :, channel] = np.clip(np.rint(_shoulder(plane)), 0, 255)
    return photo


def _grain(rng: np.random.Generator, size: int, softness: float) -> Field:
    """Noise of a pixel's grain, as demosaicking leaves it."""
    white = rng.standard_normal((size, size), dtype=np.float32)
    return np.asarray(cv2.GaussianBlur(white, (0, 0), softness), dtype=np.float32)


def _coarse_grain(rng: np.random.Generator, size: int) -> Field:
    """Noise of two pixels' grain: JPEG keeps colour at half the resolution."""
    half = (size + 1) // 2
    white = rng.standard_normal((half, half), dtype=np.float32)
    return np.asarray(
        cv2.resize(white, (size, size), interpolation=cv2.INTER_LINEAR), dtype=np.float32
    )


def _shoulder(light: Field) -> Field:
    """Bright light is compressed from 215 on, as cameras do, before it would be clipped."""
    over = np.maximum(light - np.float32(215), 0)
    bent = np.minimum(light, np.float32(215)) + np.float32(42) * (
        1 - np.exp(-over / np.float32(42))
    )
    return np.asarray(bent, dtype=np.float32)
