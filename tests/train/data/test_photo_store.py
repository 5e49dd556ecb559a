"""Photo store: loading at every size and reading at any position."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from edgeseg.datasets import open_data
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg_train.data.photo_store import (
    Batch,
    Example,
    PhotoStore,
    fits_in_memory,
    load_examples,
    load_photographs,
)
from edgeseg_train.data.transforms import identity_grid

SIDES = ((20, 47), (33,))
EXAMPLES = ((0, 0), (0, 1), (1, 0))


def noise(side: int, seed: int) -> Example:
    """Return random pixels with a random field of view."""
    rng = np.random.default_rng((seed, side))
    photo, truth = (
        rng.integers(0, 256, (side, side, 3), np.uint8),
        rng.integers(0, 256, (side, side), np.uint8),
    )
    return Example(photo, truth, rng.choice(np.array([0, 255], np.uint8), (side, side)))


@pytest.fixture
def examples() -> list[list[Example]]:
    """Return two photographs, one of them at two sizes."""
    return [[noise(side, number) for side in sides] for number, sides in enumerate(SIDES)]


def pixels(side: int) -> Tensor:
    """Return the positions of all pixels, (1, side, side, 2)."""
    y, x = torch.meshgrid(*[torch.arange(side, dtype=torch.float32)] * 2, indexing="ij")
    return torch.stack([x, y], dim=-1)[None]


def of_255(batch: Batch, number: int = 0) -> tuple[Photo, Mask, Mask]:
    """Return photograph, truth and field of view of one crop as 8-bit images."""
    photo, truth, inside = (
        (part[number] * 255).round().to(torch.uint8).movedim(0, -1).numpy()
        for part in (batch.photo, batch.truth, batch.inside)
    )
    return photo, truth[..., 0], inside[..., 0]


def check_same(found: Batch, example: Example) -> None:
    for got, kept in zip(
        of_255(found), (example.photo, example.truth, example.inside), strict=True
    ):
        np.testing.assert_array_equal(got, kept)


def test_read_at_whole_pixels_returns_the_example(examples: list[list[Example]]) -> None:
    photographs = PhotoStore.from_examples(examples)
    assert (len(photographs), photographs.sides) == (2, SIDES)
    for photograph, size in EXAMPLES:
        example = examples[photograph][size]
        check_same(photographs.read([(photograph, size)], pixels(len(example.truth))), example)


def test_is_inside_matches_field_of_view(examples: list[list[Example]]) -> None:
    photographs = PhotoStore.from_examples(examples)
    for photograph, size in EXAMPLES:
        inside = examples[photograph][size].inside > 0
        found = [
            [photographs.is_inside(photograph, size, x, y) for x in range(len(inside))]
            for y in range(len(inside))
        ]
        np.testing.assert_array_equal(found, inside)


def test_move_to_cpu_keeps_photographs(examples: list[list[Example]]) -> None:
    photographs = PhotoStore.from_examples(examples)
    photographs.move_to(torch.device("cpu"))
    assert (
        photographs.device
        == photographs.read([(0, 0)], pixels(4)).photo.device
        == torch.device("cpu")
    )
    check_same(photographs.read([(1, 0)], pixels(33)), examples[1][0])


def test_fits_in_memory_allows_half_of_free_memory() -> None:
    assert fits_in_memory(10, 21) and not fits_in_memory(10, 20) and not fits_in_memory(10, 0)


@pytest.mark.slow
def test_load_photographs_loads_every_size() -> None:
    pairs, config = open_data("synthetic:2", "train").pairs, preprocessing_preset("edge", 640)
    photographs = load_photographs(pairs, config, (64, 96))
    assert photographs.sides == ((64, 96),) * 2
    for number, pair in enumerate(pairs):
        for size, side in enumerate((64, 96)):
            (example,) = load_examples(pair, config, (side,))
            assert example.photo.shape == (side, side, 3)
            assert example.truth.any() and example.inside.any()
            check_same(photographs.read([(number, size)], pixels(side)), example)


def test_load_examples_at_small_size_keeps_vessel_area() -> None:
    pair = open_data("synthetic:1", "train").pairs[0]
    (example,) = load_examples(pair, preprocessing_preset("edge"), (128,))
    truth = pair.load().truth
    assert example.truth.mean() * 128**2 == pytest.approx(
        truth.mean() * truth.size * (128 / 1024) ** 2, rel=0.15
    )
    assert (
        (example.truth > 0) & (example.truth <= 127)
    ).any()  # a threshold at half of the area would remove this vessel


def test_load_photographs_simulates_cameras_for_a_share(small_pairs: str) -> None:
    pairs = open_data(small_pairs, "all").pairs
    config = preprocessing_preset("edge", 64)

    def load(share: float) -> list[bytes]:
        photographs = load_photographs(pairs, config, (64,), share, seed=1)
        grid = identity_grid(64) + 31.5
        batch = photographs.read([(index, 0) for index in range(4)], grid.expand(4, -1, -1, -1))
        return [photo.numpy().tobytes() for photo in batch.photo]

    plain, half, all_changed = load(0), load(0.5), load(1)
    assert half == load(0.5)
    changed = sum(first != second for first, second in zip(plain, half, strict=True))
    assert 0 < changed < 4
    changed = sum(first != second for first, second in zip(plain, all_changed, strict=True))
    assert changed >= 3  # a simulated camera may have no effect
