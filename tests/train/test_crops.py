"""Crops: a step's batch is a function of seed and step, and every photograph has its turn."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from edgeseg_train.data.augmentation import NO_AUGMENTATION, Augmentation, brightness_contrast
from edgeseg_train.data.crop_sampler import CropSampler
from edgeseg_train.data.photo_store import Batch, Example, PhotoStore


def flat(level: int, side: int) -> Example:
    """A photograph of one colour in a field of view of a quarter of the frame."""
    inside = np.zeros((side, side), np.uint8)
    inside[side // 4 : -side // 4, side // 4 : -side // 4] = 255
    return Example(np.full((side, side, 3), level, np.uint8), inside, inside)


def noise(side: int) -> Example:
    """Random pixels, nowhere black, all of them in the field of view."""
    inside = np.full((side, side), 255, np.uint8)
    return Example(
        np.random.default_rng(5).integers(1, 256, (side, side, 3), np.uint8), inside, inside
    )


@pytest.fixture
def crops() -> CropSampler:
    """Five photographs, told apart by their colour, at two sizes each."""
    photographs = PhotoStore.of([[flat(50 * k + 5, 64), flat(50 * k + 15, 128)] for k in range(5)])
    return CropSampler(photographs, 17, 4, 3, NO_AUGMENTATION)


def equal(one: Batch, other: Batch) -> bool:
    return all(
        torch.equal(getattr(one, part), getattr(other, part))
        for part in ("photo", "truth", "inside")
    )


def test_a_batch_is_tensors_of_0_to_1(crops: CropSampler) -> None:
    batch = crops.batch_at(0)
    assert batch.photo.shape == (4, 3, 17, 17)
    assert batch.truth.shape == batch.inside.shape == (4, 1, 17, 17)
    assert {t.dtype for t in (batch.photo, batch.truth, batch.inside)} == {torch.float32}
    assert set(batch.inside.flatten().tolist()) <= {0.0, 1.0}
    assert batch.photo.max() <= 1
    assert (batch.inside[:, 0, 8, 8] == 1).all()  # crops are centred inside the field of view


def colours(crops: CropSampler, steps: range) -> list[int]:
    """The colour of every crop."""
    return [
        round(float(photo.max()) * 255) for step in steps for photo in crops.batch_at(step).photo
    ]


def test_every_photograph_has_its_turn_in_each_round(crops: CropSampler) -> None:
    seen = colours(crops, range(10))
    rounds = [[colour // 50 for colour in seen[k : k + 5]] for k in range(0, 40, 5)]
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in rounds)
    assert len({tuple(order) for order in rounds}) > 1
    assert {colour % 50 for colour in seen} == {5, 15}  # both sizes


def test_a_batch_of_several_rounds_keeps_their_order(crops: CropSampler) -> None:
    small, large = colours(crops, range(9)), colours(replace(crops, batch=12), range(3))
    assert [colour // 50 for colour in small] == [colour // 50 for colour in large]


def test_a_step_is_the_same_whenever_it_is_made(crops: CropSampler) -> None:
    moved = replace(crops, augmentation=Augmentation())
    later = list(islice(moved.from_step(2, workers=3), 7))  # more than are made ahead
    assert all(equal(batch, moved.batch_at(2 + k)) for k, batch in enumerate(later))
    assert not equal(moved.batch_at(2), moved.batch_at(3))
    assert not equal(moved.batch_at(2), replace(moved, seed=4).batch_at(2))


def test_processes_share_a_step(crops: CropSampler) -> None:
    """Photographs, sizes and places are those of one process with a batch for all."""
    noisy = CropSampler(
        PhotoStore.of([[noise(96), noise(64)], [noise(80), noise(128)]]), 32, 8, 7, NO_AUGMENTATION
    )
    for whole in (replace(crops, batch=8), noisy):
        alone = whole.batch_at(5)
        halves = [replace(whole, batch=4, rank=rank, world=2).batch_at(5) for rank in range(2)]
        assert torch.equal(torch.cat([half.photo for half in halves]), alone.photo)


def test_each_process_augments_its_own_crops() -> None:
    grey = Example(np.full((64, 64, 3), 90, np.uint8), *[np.full((64, 64), 255, np.uint8)] * 2)
    how = replace(NO_AUGMENTATION, colours=((brightness_contrast, 1.0),))
    ranks = [
        CropSampler(PhotoStore.of([[grey]]), 32, 3, 0, how, rank, 2).batch_at(0)
        for rank in range(2)
    ]
    assert len({float(photo.max()) for batch in ranks for photo in batch.photo}) == 6


def test_a_photograph_without_field_of_view_does_not_hang() -> None:
    dark = Example(*(np.zeros(shape, np.uint8) for shape in ((64, 64, 3), (64, 64), (64, 64))))
    batch = CropSampler(PhotoStore.of([[dark]]), 16, 2, 0, Augmentation()).batch_at(0)
    assert not batch.inside.any()
    assert not batch.photo.any()


@pytest.mark.parametrize("size", [63, 64])
def test_some_crops_lie_on_whole_pixels_inside_the_square(size: int) -> None:
    """Their pixels are the photograph's own; at its edge they end where it ends."""
    whole, last = noise(96), 96 - size
    windows = {
        whole.photo[y : y + size, x : x + size].tobytes(): (x, y)
        for x in range(last + 1)
        for y in range(last + 1)
    }
    seen = CropSampler(PhotoStore.of([[whole]]), size, 60, 0, NO_AUGMENTATION).batch_at(0)
    levels = (seen.photo.movedim(1, -1) * 255).round().to(torch.uint8).numpy()
    exact = [windows[photo.tobytes()] for photo in levels if photo.tobytes() in windows]
    assert len(exact) >= 10
    assert any(0 in place or last in place for place in exact)


def test_framed_crops_are_flipped_and_never_moved() -> None:
    """Of many augmented crops, about as many still show the photograph's own pixels as are framed."""
    whole = noise(40)
    moves = Augmentation().moves
    crops = CropSampler(PhotoStore.of([[whole]]), 40, 60, 0, replace(NO_AUGMENTATION, moves=moves))
    photo = torch.from_numpy(whole.photo).movedim(-1, 0) / 255
    flips = [photo, photo.flip(1), photo.flip(2), photo.flip(1, 2)]
    found = [
        [torch.allclose(crop, flip, atol=1e-4) for flip in flips]
        for crop in crops.batch_at(0).photo
    ]
    assert 10 < sum(map(any, found)) < 30  # only a framed crop of this size shows the whole square
    assert all(any(which) for which in zip(*found, strict=True))


def test_the_truth_is_the_share_of_a_pixel_that_is_vessel() -> None:
    inside = np.full((64, 64), 255, np.uint8)
    whole = Example(np.full((64, 64, 3), 90, np.uint8), np.full((64, 64), 51, np.uint8), inside)
    crops = CropSampler(PhotoStore.of([[whole]]), 32, 2, 0, NO_AUGMENTATION)
    assert float(crops.batch_at(0).truth.max()) == pytest.approx(0.2)
    assert not replace(crops, coverage=False).batch_at(0).truth.any()
