"""Augmented training crops, with the eleven augmentations of ResUNet-Deeper and two more.

All transforms process a whole batch on the device of the tensors, because a GPU would wait for
crops that are created one by one. Transforms depend only on their input and on random numbers, so
that the same seed gives the same crops.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgeseg_train.data import transforms
from edgeseg_train.data.photo_store import Batch, PhotoStore
from edgeseg_train.data.transforms import (
    CameraTransform,
    ColourTransform,
    GridTransform,
    RandomSource,
    identity_grid,
)

# Geometric transforms without interpolation.
PIXEL_PRESERVING = (transforms.horizontal_flip, transforms.vertical_flip)


@dataclass(frozen=True)
class Augmentation:
    """Transforms of a crop with their probabilities, in the order of application.

    Attributes:
        geometric: transforms that move pixels.
        camera: transforms of photograph and mask.
        colour: transforms of the photograph.
    """

    geometric: tuple[tuple[GridTransform, float], ...] = (
        (transforms.horizontal_flip, 0.5),
        (transforms.vertical_flip, 0.5),
        (transforms.elastic, 0.2),
        (transforms.grid_distortion, 0.15),
        (transforms.optical_distortion, 0.15),
        (transforms.shift_scale_rotate, 0.9),
    )
    camera: tuple[tuple[CameraTransform, float], ...] = ((transforms.low_resolution, 0.5),)
    colour: tuple[tuple[ColourTransform, float], ...] = (
        (transforms.gaussian_blur, 0.25),
        (transforms.illumination, 0.3),
        (transforms.brightness_contrast, 0.5),
        (transforms.gamma, 0.5),
        (transforms.hue_saturation, 0.5),
        (transforms.gaussian_noise, 0.3),
    )


NO_AUGMENTATION = Augmentation((), (), ())


@dataclass(frozen=True)
class CropPlacement:
    """Position of a crop.

    Attributes:
        photograph: index of the photograph.
        size: index of the working size.
        centre: x and y in pixels of the example.
        framed: whether the crop keeps the original pixels. Flips are then the only geometric
            transforms.
    """

    photograph: int
    size: int
    centre: tuple[float, float]
    framed: bool = False


def sample_crops(
    photographs: PhotoStore,
    placements: Sequence[CropPlacement],
    size: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
    coverage: bool = False,
) -> Batch:
    """Cut and augment crops on the torch device of the photographs.

    Args:
        photographs: photographs from which crops are taken.
        placements: positions of the crops.
        size: side of a crop in pixels.
        augmentation: transforms and their probabilities.
        rng: random generator.
        coverage: whether masks contain the vessel share of each pixel instead of 0 and 1.

    Returns:
        Crops. Photographs have 256 levels and are 0 outside the field of view, as in `edgeseg run`.
    """
    count = len(placements)
    random = RandomSource(rng, photographs.device)
    framed = np.array([placement.framed for placement in placements])
    grid = identity_grid(size, random.device).expand(count, -1, -1, -1).clone()
    for move, probability in augmentation.geometric:
        excluded = () if move in PIXEL_PRESERVING else framed
        selected = _select_crops(random, probability, count, excluded)
        if len(selected):
            grid[selected] = move(grid[selected], random)
    centres = torch.tensor([placement.centre for placement in placements]).to(
        random.device, non_blocking=True
    )
    batch = photographs.read(
        [(placement.photograph, placement.size) for placement in placements],
        grid + centres[:, None, None],
    )
    photo, truth = batch.photo, batch.truth
    for simulate, probability in augmentation.camera:
        selected = _select_crops(random, probability, count)
        if len(selected):
            photo[selected], truth[selected] = simulate(photo[selected], truth[selected], random)
    for recolour, probability in augmentation.colour:
        selected = _select_crops(random, probability, count)
        if len(selected):
            photo[selected] = recolour(photo[selected], random)
    photo = (photo * 255).round() / 255 * batch.inside
    return Batch(photo, truth if coverage else (truth > 0.5).float(), batch.inside, batch.counted)


def _select_crops(
    random: RandomSource, probability: float, count: int, excluded: npt.ArrayLike = ()
) -> Tensor:
    """Return the indices of the crops to which a transform is applied."""
    selected = random.rng.random(count) < probability
    selected[np.asarray(excluded, bool).nonzero()] = False
    return torch.from_numpy(selected.nonzero()[0]).to(random.device, non_blocking=True)
