"""Reduction of photographs to the resolution of a low-resolution camera.

Validation photographs are reduced one by one with OpenCV. Training crops are reduced in a batch
with a different size for each crop, which OpenCV does not support.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import pad

from edgeseg.datasets import DataSet, LoadedPair, Pair, Split

# Range of the factor by which vessel coverage is multiplied. In low-resolution photographs,
# observers mark a pixel if a vessel covers at least 1/4 to 2/5 of the pixel. The factor increases
# this coverage to 1/2.
MIN_VESSEL_GAIN = 1.2
MAX_VESSEL_GAIN = 2.0

# Width of the photographs of DRIVE, the data set with the lowest resolution.
LOW_RESOLUTION_WIDTH = 565


@dataclass(frozen=True)
class ReducedPair:
    """Pair that is reduced to `LOW_RESOLUTION_WIDTH`. A smaller pair is not changed.

    Attributes:
        pair: original pair.
    """

    pair: Pair

    @property
    def name(self) -> str:
        """Name of the original pair."""
        return self.pair.name

    @property
    def split(self) -> Split | None:
        """Split of the original pair."""
        return self.pair.split

    def load(self) -> LoadedPair:
        """Load the original pair and reduce it."""
        original = self.pair.load()
        height, width = original.truth.shape
        if width <= LOW_RESOLUTION_WIDTH:
            return original
        size = (LOW_RESOLUTION_WIDTH, round(height * LOW_RESOLUTION_WIDTH / width))
        photo = cv2.resize(original.photo, size, interpolation=cv2.INTER_AREA)
        coverage = cv2.resize(original.truth, size, interpolation=cv2.INTER_AREA)
        widened = cv2.convertScaleAbs(coverage, alpha=(MIN_VESSEL_GAIN + MAX_VESSEL_GAIN) / 2)
        _, truth = cv2.threshold(widened, 127, 255, cv2.THRESH_BINARY)
        fov = original.fov
        if fov is not None:
            fov = cv2.resize(fov, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8)
        ignored = original.ignored
        if ignored is not None:
            ignored = cv2.resize(ignored, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8)
        return replace(
            original,
            photo=photo.astype(np.uint8),
            truth=truth.astype(np.uint8),
            fov=fov,
            ignored=ignored,
        )


def reduce_data_sets(data_sets: Iterable[DataSet]) -> list[DataSet]:
    """Return the data sets reduced to `LOW_RESOLUTION_WIDTH`. The new name is `NAME at 565`."""
    return [
        replace(
            data_set,
            name=f"{data_set.name} at {LOW_RESOLUTION_WIDTH}",
            pairs=tuple(map(ReducedPair, data_set.pairs)),
        )
        for data_set in data_sets
    ]


def shrink_batch(images: Tensor, sides: npt.NDArray[np.int64]) -> Tensor:
    """Reduce each image by area averaging, as with OpenCV's INTER_AREA.

    Args:
        images: (N, C, side, side).
        sides: (N,) new side of each image in pixels.

    Returns:
        (N, C, M, M), where M is the largest of `sides`. Image n occupies the top left `sides[n]` x
        `sides[n]` pixels. The other pixels are undefined.
    """
    side = images.shape[-1]
    new_sides = torch.from_numpy(sides).to(images.device, non_blocking=True)[:, None]
    edges = torch.arange(int(sides.max()) + 1, device=images.device) * (side / new_sides)
    edges = edges.clamp(max=side)
    scale = (new_sides / side)[:, None, None]
    for _ in range(2):
        sums = _interpolate_rows(pad(images.cumsum(dim=-2), (0, 0, 1, 0)), edges)
        images = (sums.diff(dim=-2) * scale).mT
    return images


def enlarge_batch(images: Tensor, sides: npt.NDArray[np.int64], side: int) -> Tensor:
    """Enlarge images of `shrink_batch` with linear interpolation.

    Args:
        images: (N, C, M, M); image n occupies the top left `sides[n]` x `sides[n]` pixels.
        sides: (N,) side of each image in pixels.
        side: new side of all images in pixels.

    Returns:
        (N, C, side, side).
    """
    own_sides = torch.from_numpy(sides).to(images.device, non_blocking=True)[:, None]
    rows = (torch.arange(side, device=images.device) + 0.5) * (own_sides / side) - 0.5
    rows = rows.clamp(min=0).minimum(own_sides - 1)
    for _ in range(2):
        images = _interpolate_rows(images, rows).mT
    return images


def _interpolate_rows(images: Tensor, rows: Tensor) -> Tensor:
    """Interpolate linearly between rows.

    Args:
        images: (N, C, H, W).
        rows: (N, K) fractional row numbers from 0 to H - 1.

    Returns:
        (N, C, K, W).
    """
    count, channels, height, width = images.shape
    upper = rows.floor().clamp(max=height - 2)
    image_start = torch.arange(count * channels, device=images.device) * height
    index = (image_start.view(count, channels, 1) + upper.long()[:, None]).flatten()
    flat = images.reshape(-1, width)
    low, high = (
        flat.index_select(0, rows_index).view(count, channels, -1, width)
        for rows_index in (index, index + 1)
    )
    return torch.lerp(low, high, (rows - upper)[:, None, :, None])
