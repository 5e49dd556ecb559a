"""Batches of the crop sampler: they depend only on seed and step, and use every photograph."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from edgeseg_train.data.augmentation import NO_AUGMENTATION, Augmentation
from edgeseg_train.data.crop_sampler import CropSampler
from edgeseg_train.data.photo_store import Batch, Example, PhotoStore
from edgeseg_train.data.transforms import brightness_contrast


def flat(level: int, side: int) -> Example:
    """Return a photograph of one colour with a field of view of a quarter of the frame."""
    inside = np.zeros((side, side), np.uint8)
    inside[side // 4 : -side // 4, side // 4 : -side // 4] = 255
    return Example(np.full((side, side, 3), level, np.uint8), inside, inside)


def noise(side: int) -> Example:
    """Return random pixels above 0, all in the field of view."""
    inside = np.full((side, side), 255, np.uint8)
    photo = np.random.default_rng(5).integers(1, 256, (side, side, 3), np.uint8)
    return Example(photo, inside, inside)


@pytest.fixture
def crops() -> CropSampler:
    """Return a sampler of five photographs of different colours, at two sizes each."""
    photographs = PhotoStore.from_examples(
        [[flat(50 * k + 5, 64), flat(50 * k + 15, 128)] for k in range(5)]
    )
    return CropSampler(photographs, 17, 4, 3, NO_AUGMENTATION)


def equal(one: Batch, other: Batch) -> bool:
    return all(
        torch.equal(getattr(one, part), getattr(other, part))
        for part in ("photo", "truth", "inside")
    )


def test_sample_batch_returns_tensors_from_0_to_1(crops: CropSampler) -> None:
    batch = crops.sample_batch(0)
    assert batch.photo.shape == (4, 3, 17, 17)
    assert batch.truth.shape == batch.inside.shape == (4, 1, 17, 17)
    assert {t.dtype for t in (batch.photo, batch.truth, batch.inside)} == {torch.float32}
    assert set(batch.inside.flatten().tolist()) <= {0.0, 1.0}
    assert batch.photo.max() <= 1
    assert (batch.inside[:, 0, 8, 8] == 1).all()  # crops are centred inside the field of view


def grey_levels(crops: CropSampler, steps: range) -> list[int]:
    """Return the grey level of every crop."""
    return [
        round(float(photo.max()) * 255)
        for step in steps
        for photo in crops.sample_batch(step).photo
    ]


def test_sample_batch_uses_every_photograph_once_per_round(crops: CropSampler) -> None:
    seen = grey_levels(crops, range(10))
    rounds = [[colour // 50 for colour in seen[k : k + 5]] for k in range(0, 40, 5)]
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in rounds)
    assert len({tuple(order) for order in rounds}) > 1
    assert {colour % 50 for colour in seen} == {5, 15}  # both sizes


def test_sample_batch_of_several_rounds_keeps_order(crops: CropSampler) -> None:
    small, large = grey_levels(crops, range(9)), grey_levels(replace(crops, batch=12), range(3))
    assert [colour // 50 for colour in small] == [colour // 50 for colour in large]


def test_iterate_from_later_step_gives_same_batches(crops: CropSampler) -> None:
    moved = replace(crops, augmentation=Augmentation())
    # Seven batches are more than are prepared in advance.
    later = list(islice(moved.iterate_from(2, workers=3), 7))
    assert all(equal(batch, moved.sample_batch(2 + k)) for k, batch in enumerate(later))
    assert not equal(moved.sample_batch(2), moved.sample_batch(3))
    assert not equal(moved.sample_batch(2), replace(moved, seed=4).sample_batch(2))


def test_sample_batch_of_two_processes_shares_crops(crops: CropSampler) -> None:
    """Photographs, sizes and positions are the same as in one process with a larger batch."""
    noisy = CropSampler(
        PhotoStore.from_examples([[noise(96), noise(64)], [noise(80), noise(128)]]),
        32,
        8,
        7,
        NO_AUGMENTATION,
    )
    for example in (replace(crops, batch=8), noisy):
        alone = example.sample_batch(5)
        halves = [
            replace(example, batch=4, rank=rank, world_size=2).sample_batch(5) for rank in range(2)
        ]
        assert torch.equal(torch.cat([half.photo for half in halves]), alone.photo)


def test_sample_batch_of_two_processes_augments_independently() -> None:
    inside = np.full((64, 64), 255, np.uint8)
    photographs = PhotoStore.from_examples(
        [[Example(np.full((64, 64, 3), 90, np.uint8), inside, inside)]]
    )
    augmentation = replace(NO_AUGMENTATION, colour=((brightness_contrast, 1.0),))
    batches = [
        CropSampler(photographs, 32, 3, 0, augmentation, rank, 2).sample_batch(0)
        for rank in range(2)
    ]
    assert len({float(photo.max()) for batch in batches for photo in batch.photo}) == 6


def test_sample_batch_without_field_of_view_returns_black_crops() -> None:
    empty = np.zeros((64, 64), np.uint8)
    photographs = PhotoStore.from_examples(
        [[Example(np.zeros((64, 64, 3), np.uint8), empty, empty)]]
    )
    batch = CropSampler(photographs, 16, 2, 0, Augmentation()).sample_batch(0)
    assert not batch.inside.any()
    assert not batch.photo.any()


@pytest.mark.parametrize("size", [63, 64])
def test_sample_batch_frames_some_crops_in_the_square(size: int) -> None:
    """Framed crops contain original pixels of the photograph and end at its edge."""
    example = noise(96)
    last = 96 - size
    windows = {
        example.photo[y : y + size, x : x + size].tobytes(): (x, y)
        for x in range(last + 1)
        for y in range(last + 1)
    }
    photographs = PhotoStore.from_examples([[example]])
    batch = CropSampler(photographs, size, 60, 0, NO_AUGMENTATION).sample_batch(0)
    levels = (batch.photo.movedim(1, -1) * 255).round().to(torch.uint8).numpy()
    exact = [windows[photo.tobytes()] for photo in levels if photo.tobytes() in windows]
    assert len(exact) >= 10
    assert any(0 in place or last in place for place in exact)


def test_sample_batch_only_flips_framed_crops() -> None:
    """The share of crops with original pixels is equal to the share of framed crops."""
    example = noise(40)
    photographs = PhotoStore.from_examples([[example]])
    geometric_only = replace(NO_AUGMENTATION, geometric=Augmentation().geometric)
    crops = CropSampler(photographs, 40, 60, 0, geometric_only)
    photo = torch.from_numpy(example.photo).movedim(-1, 0) / 255
    flips = [photo, photo.flip(1), photo.flip(2), photo.flip(1, 2)]
    found = [
        [torch.allclose(crop, flip, atol=1e-4) for flip in flips]
        for crop in crops.sample_batch(0).photo
    ]
    assert 10 < sum(map(any, found)) < 30  # only a framed crop of this size contains the square
    assert all(any(which) for which in zip(*found, strict=True))


def test_sample_batch_returns_vessel_coverage_as_truth() -> None:
    inside = np.full((64, 64), 255, np.uint8)
    example = Example(np.full((64, 64, 3), 90, np.uint8), np.full((64, 64), 51, np.uint8), inside)
    crops = CropSampler(PhotoStore.from_examples([[example]]), 32, 2, 0, NO_AUGMENTATION)
    assert float(crops.sample_batch(0).truth.max()) == pytest.approx(0.2)
    assert not replace(crops, coverage=False).sample_batch(0).truth.any()
