"""Photographs in memory at the working sizes of the training.

All pixels are in one tensor, so that a whole batch of crops is read with one operation.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice

import numpy as np
import torch
from torch import Tensor

from edgeseg.datasets import LoadedPair, Pair
from edgeseg.field_of_view.detect import FieldOfView, detect_fields, largest_field
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import prepare, resize_coverage_to_input
from edgeseg_train.data.cameras import simulate_camera
from edgeseg_train.data.interpolation import (
    PIXEL_BYTES,
    Interpolation,
    interpolate_with_opencv,
    interpolate_with_torch,
)
from edgeseg_train.data.loading import load_pair, resize_ignored
from edgeseg_train.training.compute import count_photo_threads

# Value in a stored field of view for pixels without a label.
_IGNORED = 127

# Share of a GPU's free memory that photographs may use. If the photographs need more, they remain
# in the host's memory.
GPU_MEMORY_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Example:
    """Photograph at a working size.

    Attributes:
        photo: (size, size, 3) uint8 RGB.
        truth: (size, size) uint8, vessel share of each pixel from 0 to 255, or {0, 255}.
        inside: (size, size) uint8 {0, 255}, field of view.
        ignored: (size, size) uint8 {0, 255}, pixels without a label; None if all pixels have a
            label.
        notes: information for the user about the mask.
    """

    photo: Photo
    truth: Mask
    inside: Mask
    ignored: Mask | None = field(default=None, kw_only=True)
    notes: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops on one device, float32 from 0 to 1.

    Attributes:
        photo: (N, 3, H, W) RGB.
        truth: (N, 1, H, W) vessels.
        inside: (N, 1, H, W) field of view.
        counted: (N, 1, H, W) field of view without ignored pixels, for the loss.
    """

    photo: Tensor
    truth: Tensor
    inside: Tensor
    counted: Tensor


class PhotoStore:
    """Photographs at several working sizes.

    A pair of indices (photograph, size) identifies an example.

    Args:
        sides: sides of the examples in pixels, `sides[photograph][size]`.

    Attributes:
        sides: sides of the examples in pixels.
        notes: information for the user about the masks.
    """

    def __init__(self, sides: Sequence[Sequence[int]]) -> None:
        self.sides = tuple(tuple(photograph_sides) for photograph_sides in sides)
        self.notes: set[str] = set()
        areas = (side * side for photograph_sides in self.sides for side in photograph_sides)
        starts = accumulate(areas, initial=0)
        self._starts = [list(islice(starts, len(photograph_sides))) for photograph_sides in sides]
        pixels = next(starts)
        self._pixels = np.zeros((pixels, PIXEL_BYTES), np.uint8)
        self._inside = np.zeros(pixels, np.uint8)
        # tensors that `read` uses: views of the arrays above, or copies on the GPU
        self._pixel_tensor = torch.from_numpy(self._pixels).view(torch.int32)[:, 0]
        self._inside_tensor = torch.from_numpy(self._inside)

    @staticmethod
    def from_examples(examples: Sequence[Sequence[Example]]) -> "PhotoStore":
        """Create a store that contains `examples[photograph][size]`."""
        sides = []
        for own_examples in examples:
            sides.append([len(example.truth) for example in own_examples])
        photographs = PhotoStore(sides)
        for index, own_examples in enumerate(examples):
            photographs.write(index, own_examples)
        return photographs

    def write(self, photograph: int, examples: Sequence[Example]) -> None:
        """Store one photograph at every size."""
        for start, example in zip(self._starts[photograph], examples, strict=True):
            own = slice(start, start + example.truth.size)
            pixels = self._pixels[own].reshape(*example.truth.shape, PIXEL_BYTES)
            pixels[..., :3] = example.photo
            pixels[..., 3] = example.truth
            self._inside[own] = example.inside.ravel()
            if example.ignored is not None:
                self._inside[own][(example.ignored & example.inside).ravel() > 0] = _IGNORED
            self.notes.update(example.notes)

    def move_to(self, device: torch.device) -> None:
        """Move the pixels to a GPU if it has enough memory. Nothing can be added afterwards."""
        if device.type != "cuda":
            return
        free_bytes, _ = torch.cuda.mem_get_info(device)
        if fits_in_memory(self._pixels.nbytes + self._inside.nbytes, free_bytes):
            self._pixel_tensor = self._pixel_tensor.to(device)
            self._inside_tensor = self._inside_tensor.to(device)
            self._pixels = np.zeros((0, PIXEL_BYTES), np.uint8)  # free the host memory

    @property
    def device(self) -> torch.device:
        """Device on which `read` returns crops."""
        return self._pixel_tensor.device

    def __len__(self) -> int:
        return len(self.sides)

    def is_inside(self, photograph: int, size: int, x: int, y: int) -> bool:
        """Return whether a pixel of an example is in the field of view."""
        side = self.sides[photograph][size]
        return bool(self._inside[self._starts[photograph][size] + y * side + x])

    def read(self, examples: Sequence[tuple[int, int]], positions: Tensor) -> Batch:
        """Interpolate examples linearly at arbitrary positions.

        Beyond the edges of an example, the field of view is 0, and photograph and mask have the
        values of the edge.

        Args:
            examples: N pairs of indices (photograph, size).
            positions: (N, H, W, 2) float32, x and y in pixels of the example.
        """
        starts = [self._starts[photograph][size] for photograph, size in examples]
        sides = [self.sides[photograph][size] for photograph, size in examples]
        on_cpu = self.device.type == "cpu"
        interpolate: Interpolation = interpolate_with_opencv if on_cpu else interpolate_with_torch
        pixels, inside = interpolate(
            self._pixel_tensor, self._inside_tensor, starts, sides, positions
        )
        return Batch(
            pixels[:, :3],
            pixels[:, 3:],
            inside=(inside >= _IGNORED).float(),
            counted=(inside > _IGNORED).float(),
        )


def fits_in_memory(required_bytes: int, free_bytes: int) -> bool:
    """Return whether a GPU has enough memory for the photographs and the training."""
    return required_bytes < GPU_MEMORY_SHARE * free_bytes


def load_photographs(
    pairs: Sequence[Pair],
    config: PreprocessingConfig,
    sizes: Sequence[int],
    simulated_share: float = 0.0,
    seed: int = 0,
) -> PhotoStore:
    """Load and preprocess every pair at every size. A pixel requires 5 bytes.

    Args:
        pairs: photographs with masks.
        config: preprocessing; the key `size` is not used.
        sizes: working sizes in pixels.
        simulated_share: share of the photographs that are changed by a simulated camera.
        seed: seed of the simulated cameras.
    """
    photographs = PhotoStore([sizes] * len(pairs))

    def load(index: int) -> None:
        rng = np.random.default_rng((seed, 3, index))
        camera = rng if rng.random() < simulated_share else None
        photographs.write(index, load_examples(pairs[index], config, sizes, camera))

    with ThreadPoolExecutor(count_photo_threads()) as pool:
        list(pool.map(load, range(len(pairs))))  # raise the error of a thread
    return photographs


def load_examples(
    pair: Pair,
    config: PreprocessingConfig,
    sizes: Sequence[int],
    camera: np.random.Generator | None = None,
) -> tuple[Example, ...]:
    """Load and preprocess one pair at every size.

    Args:
        pair: photograph with mask.
        config: preprocessing. Its `size` is not used.
        sizes: working sizes in pixels.
        camera: random numbers of a simulated camera; None for the original photograph. The field
            of view is detected in the original.

    Raises:
        SystemSetupError: the mask is implausible.
    """
    loaded = load_pair(pair)
    fov = largest_field(detect_fields(loaded.photo, config, pair.name))
    if camera is not None:
        loaded = replace(loaded, photo=simulate_camera(loaded.photo, camera))
    return tuple(_make_example(loaded, fov, replace(config, size=size)) for size in sizes)


def _make_example(loaded: LoadedPair, fov: FieldOfView, config: PreprocessingConfig) -> Example:
    prepared = prepare(loaded.photo, config, fov=fov)
    truth = resize_coverage_to_input(loaded.truth, prepared.placement)
    ignored = resize_ignored(loaded.ignored, prepared)
    return Example(prepared.tensor[0], truth, prepared.inside, ignored=ignored, notes=loaded.notes)
