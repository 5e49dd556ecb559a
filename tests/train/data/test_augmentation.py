"""Augmented crops: aligned masks, reproducible batches and independent transforms."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from edgeseg.imaging.arrays import Mask
from edgeseg_train.data import transforms
from edgeseg_train.data.augmentation import (
    NO_AUGMENTATION,
    PIXEL_PRESERVING,
    Augmentation,
    CropPlacement,
    sample_crops,
)
from edgeseg_train.data.photo_store import Batch, Example, PhotoStore
from edgeseg_train.data.transforms import ColourTransform, GridTransform

ALL = Augmentation()
EVERY = Augmentation(
    tuple((move, 1.0) for move, _ in ALL.geometric),
    tuple((camera, 1.0) for camera, _ in ALL.camera),
    tuple((colour, 1.0) for colour, _ in ALL.colour),
)
COUNT = 12
SIDE = 65
LEVEL = 1 / 255
PARTS = ("photo", "truth", "inside")


def example(side: int = 200) -> Example:
    """Return curved strokes as mask, a disc as field of view, and a photograph of both."""
    truth: Mask = np.zeros((side, side), np.uint8)
    for k in range(6):
        cv2.ellipse(
            truth, (side // 2 + 12 * k, side // 3), (20 + 9 * k, 50), 25 * k, 10, 250, 255, 3
        )
    inside: Mask = np.zeros((side, side), np.uint8)
    cv2.circle(inside, (side // 2, side // 2), side // 2 - 12, 255, cv2.FILLED)
    photo = np.stack([truth, np.full_like(truth, 200), inside], axis=-1)
    return Example(photo, truth, inside)


def noise(side: int = 200) -> Example:
    """Return random pixels above 0, all in the field of view."""
    full: Mask = np.full((side, side), 255, np.uint8)
    photo = np.random.default_rng(side).integers(1, 256, (side, side, 3), np.uint8)
    return Example(photo, full, full)


STROKES = PhotoStore.from_examples([[example()]])


def sample_one_position(
    x: float, y: float, size: int, augmentation: Augmentation, seed: int, count: int = COUNT
) -> Batch:
    """Sample the same position of the photograph several times."""
    return sample_crops(
        STROKES,
        [CropPlacement(0, 0, (x, y))] * count,
        size,
        augmentation,
        np.random.default_rng(seed),
    )


def only_move(transform: GridTransform) -> Augmentation:
    return replace(NO_AUGMENTATION, geometric=((transform, 1.0),))


def only_colour(colour: ColourTransform, chance: float = 1.0) -> Augmentation:
    return replace(NO_AUGMENTATION, colour=((colour, chance),))


def equal(one: Batch, other: Batch) -> bool:
    return all(torch.equal(getattr(one, part), getattr(other, part)) for part in PARTS)


def all_different(crops: Tensor) -> bool:
    """Return whether no two crops of a batch are equal."""
    return len({crop.numpy().tobytes() for crop in crops}) == len(crops)


def to_opencv(photo: Tensor) -> npt.NDArray[np.float32]:
    """Convert (C, H, W) to (H, W, C)."""
    return np.ascontiguousarray(photo.movedim(0, -1).numpy())


def test_augmentation_contains_the_eleven_reference_transforms() -> None:
    names = {function.__name__ for function, _ in (*ALL.geometric, *ALL.camera, *ALL.colour)}
    reference = (
        "horizontal_flip vertical_flip shift_scale_rotate elastic grid_distortion "
        "optical_distortion brightness_contrast gamma hue_saturation gaussian_noise gaussian_blur"
    )
    assert names == {*reference.split(), "low_resolution", "illumination"}
    assert all(0 < chance <= 1 for _, chance in (*ALL.geometric, *ALL.camera, *ALL.colour))


def test_sample_crops_without_augmentation_returns_plain_crops() -> None:
    """A batch may contain several photographs and sizes."""
    examples = [[example(), example(150)], [noise(90)]]
    placements = [
        CropPlacement(0, 0, (90, 110)),
        CropPlacement(1, 0, (40, 50)),
        CropPlacement(0, 1, (70, 62)),
        CropPlacement(0, 0, (50, 60), framed=True),
    ]
    result = sample_crops(
        PhotoStore.from_examples(examples),
        placements,
        SIDE,
        NO_AUGMENTATION,
        np.random.default_rng(0),
    )
    for placement, photo, truth, inside in zip(
        placements, result.photo, result.truth, result.inside, strict=True
    ):
        original = examples[placement.photograph][placement.size]
        rows, columns = (slice(int(c) - 32, int(c) + 33) for c in reversed(placement.centre))
        inside_crop = original.inside[rows, columns]
        assert np.array_equal(truth[0] * 255, original.truth[rows, columns])
        assert np.array_equal(inside[0] * 255, inside_crop)
        assert np.allclose(
            to_opencv(photo) * 255,
            np.where(inside_crop[..., None] > 0, original.photo[rows, columns], 0),
            atol=1e-3,
        )


@pytest.mark.parametrize("transform", [transform for transform, _ in ALL.geometric])
def test_sample_crops_with_one_transform_keeps_masks_aligned(transform: GridTransform) -> None:
    result = sample_one_position(100, 90, 96, only_move(transform), 1)
    check_aligned(result)
    assert result.truth.flatten(1).any(dim=1).all()


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(8, 130), st.floats(0, 200), st.floats(0, 200))
def test_sample_crops_with_all_geometric_transforms_keeps_masks_aligned(
    seed: int, size: int, x: float, y: float
) -> None:
    result = sample_one_position(
        x, y, size, replace(NO_AUGMENTATION, geometric=EVERY.geometric), seed, 2
    )
    assert result.photo.shape == (2, 3, size, size)
    assert result.truth.shape == result.inside.shape == (2, 1, size, size)
    check_aligned(result)


def check_aligned(result: Batch) -> None:
    """Check that the channels of the photograph and the masks moved equally."""
    inside = result.inside[:, 0] > 0
    assert {*result.truth.flatten().tolist(), *result.inside.flatten().tolist()} <= {0.0, 1.0}
    # Rounding to 256 levels does not move these pixels to the other side of the threshold.
    clear = inside & ((result.photo[:, 0] - 0.5).abs() > LEVEL)
    assert torch.equal((result.photo[:, 0] > 0.5)[clear], (result.truth[:, 0] > 0)[clear])
    assert (result.photo[:, 2] >= 0.25 - LEVEL)[inside].all()  # minimum weight of the nearest pixel
    assert not result.photo.movedim(1, -1)[~inside].any()


def test_sample_crops_keeps_outside_black() -> None:
    result = sample_one_position(30, 30, SIDE, EVERY, 0)
    outside = result.inside[:, 0] == 0
    assert outside.flatten(1).any(dim=1).all()
    assert not result.photo.movedim(1, -1)[outside].any()


def test_sample_crops_rounds_to_256_levels() -> None:
    levels = sample_one_position(80, 120, SIDE, EVERY, 0).photo * 255
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    assert levels.min() == 0 and 200 < levels.max() <= 255.001


def test_sample_crops_with_same_seed_returns_same_batch() -> None:
    one, same, other = (sample_one_position(80, 120, SIDE, EVERY, seed) for seed in (7, 7, 8))
    assert equal(one, same)
    assert not torch.equal(one.photo, other.photo)
    assert not torch.equal(one.truth, other.truth)


def test_sample_crops_augments_crops_independently() -> None:
    photographs = PhotoStore.from_examples([[noise()]])
    placements = [CropPlacement(0, 0, (80, 120))] * COUNT
    alone = [only_colour(colour) for colour, _ in ALL.colour]
    alone += [
        only_move(transform) for transform, _ in ALL.geometric if transform not in PIXEL_PRESERVING
    ]
    alone += [replace(NO_AUGMENTATION, camera=EVERY.camera)]
    for augmentation in (EVERY, *alone):
        rng = np.random.default_rng(0)
        crops = sample_crops(photographs, placements, SIDE, augmentation, rng)
        assert all_different(crops.photo)


def test_sample_crops_applies_probability_to_each_crop() -> None:
    plain = sample_one_position(80, 120, SIDE, NO_AUGMENTATION, 0, 1).photo
    for augmentation in (
        only_colour(transforms.gamma, 0.5),
        replace(NO_AUGMENTATION, geometric=((transforms.vertical_flip, 0.5),)),
    ):
        crops = sample_one_position(80, 120, SIDE, augmentation, 0, 60).photo
        is_plain = (crops == plain).flatten(1).all(dim=1)
        assert 15 < is_plain.sum() < 45


def test_sample_crops_only_flips_framed_crops() -> None:
    """Both flips apply to all crops."""
    original = noise()
    placements = [CropPlacement(0, 0, (90, 110), framed=k % 3 == 0) for k in range(COUNT)]
    moves = replace(NO_AUGMENTATION, geometric=EVERY.geometric)
    result = sample_crops(
        PhotoStore.from_examples([[original]]), placements, SIDE, moves, np.random.default_rng(0)
    )
    turned = original.photo[110 + 32 : 110 - 33 : -1, 90 + 32 : 90 - 33 : -1]
    for placement, photo in zip(placements, result.photo, strict=True):
        assert np.allclose(to_opencv(photo) * 255, turned, atol=1e-3) == placement.framed
    moved = [k for k, placement in enumerate(placements) if not placement.framed]
    assert all_different(result.photo[moved])


def test_sample_crops_does_not_change_photographs() -> None:
    before = sample_one_position(100, 100, 200, NO_AUGMENTATION, 0, 1)
    sample_one_position(80, 120, SIDE, EVERY, 0)
    assert equal(before, sample_one_position(100, 100, 200, NO_AUGMENTATION, 0, 1))


def test_sample_crops_with_coverage_keeps_partial_pixels() -> None:
    original = example()
    quarter = (original.truth // 4).astype(np.uint8)  # vessels cover a quarter of each pixel
    photographs = PhotoStore.from_examples([[replace(original, truth=quarter)]])
    placements = [CropPlacement(0, 0, (90, 110))]
    for coverage in (False, True):
        rng = np.random.default_rng(0)
        result = sample_crops(photographs, placements, SIDE, NO_AUGMENTATION, rng, coverage)
        assert result.truth.max() == pytest.approx(63 * LEVEL if coverage else 0)
        assert set(result.inside.flatten().tolist()) <= {0.0, 1.0}


def test_flips_mirror_every_tensor() -> None:
    plain, left, top = (
        sample_one_position(90, 110, SIDE, augmentation, 0, 2)
        for augmentation in (
            NO_AUGMENTATION,
            only_move(transforms.horizontal_flip),
            only_move(transforms.vertical_flip),
        )
    )
    for part in PARTS:
        assert torch.equal(getattr(left, part), getattr(plain, part).flip(3))
        assert torch.equal(getattr(top, part), getattr(plain, part).flip(2))
