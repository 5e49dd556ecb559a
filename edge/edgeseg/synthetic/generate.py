"""Seed -> photograph, truth and field of view: the steps in order."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgeseg.errors import UsageError
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.synthetic.camera import expose, field_mask, haze, illuminate
from edgeseg.synthetic.noise import Field, generator
from edgeseg.synthetic.retina import Light, add_blood, paint_retina
from edgeseg.synthetic.scene import Grid, Scene, compose
from edgeseg.synthetic.vessel_masks import Vessels, stroke
from edgeseg.synthetic.vessel_tree import grow

SMALLEST, LARGEST = 64, 4096
"""Sides in pixels that `draw` accepts; the looks were judged from 256 to 2048."""

_SOFT = 512  # all but vessels and noise is soft enough to be painted at this side and enlarged


@dataclass(frozen=True)
class SyntheticPhoto:
    """A drawn photograph with what is true of it.

    Attributes:
        photo: (S, S, 3) uint8 RGB.
        truth: (S, S) uint8, 255 on vessels, 0 elsewhere and outside the field of view.
        fov: (S, S) uint8, 255 inside the field of view.
    """

    photo: Photo
    truth: Mask
    fov: Mask


def generate_photo(seed: int, size: int = 1024) -> SyntheticPhoto:
    """Draw a fundus photograph of `size` x `size` pixels.

    The same seed gives the same eye at every size; the same seed and size give the same bytes.

    Args:
        seed: any whole number from 0.
        size: side in pixels, 64 to 4096.

    Raises:
        UsageError: a negative seed, or a size outside 64 to 4096.
    """
    if seed < 0:
        raise UsageError(f"cannot draw with seed {seed}: give a whole number from 0")
    if not SMALLEST <= size <= LARGEST:
        raise UsageError(f"cannot draw at {size} pixels: give a size from {SMALLEST} to {LARGEST}")
    scene = compose(generator(seed, "scene"))
    veins, arteries = grow(scene, generator(seed, "tree"))
    vessels = stroke(veins, arteries, scene, size)
    fov = field_mask(scene, size)
    photo = expose(*_light(seed, scene, vessels, size), scene, fov, generator(seed, "camera"))
    truth = np.where(fov > 0, vessels.extent, 0).astype(np.uint8)
    return SyntheticPhoto(photo=photo, truth=truth, fov=fov)


def _light(seed: int, scene: Scene, vessels: Vessels, size: int) -> tuple[Light, Field]:
    """Light from the retina (3, S, S) and stray light (S, S)."""
    grid = Grid.of(scene, min(size, _SOFT))
    rng, lamp = generator(seed, "retina"), generator(seed, "lamp")
    soft = illuminate(paint_retina(scene, grid, rng), grid, lamp)
    light = np.stack([_enlarged(plane, size) for plane in soft])
    return add_blood(light, scene, grid, vessels, rng), _enlarged(haze(grid, lamp), size)


def _enlarged(field: Field, size: int) -> Field:
    return np.asarray(
        cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float32
    )
