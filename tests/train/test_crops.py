"""Crops: a step's batch is a function of seed and step, and every photograph has its turn."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from edgeseg.datasets import open_data
from edgeseg.preprocessing import preset
from edgeseg_train.augment import NO_AUGMENTATION, Augmentation, Example
from edgeseg_train.crops import Batch, Crops, Photographs, load_photographs


def flat(level: int, side: int) -> Example:
    """A photograph of one colour in a field of view of a quarter of the frame."""
    inside = np.zeros((side, side), np.uint8)
    inside[side // 4 : -side // 4, side // 4 : -side // 4] = 255
    return Example(np.full((side, side, 3), level, np.uint8), inside, inside)


@pytest.fixture
def crops() -> Crops:
    """Five photographs, told apart by their colour, at two sizes each."""
    photographs = tuple((flat(50 * k + 5, 64), flat(50 * k + 15, 128)) for k in range(5))
    return Crops(Photographs(photographs), 17, 4, 3, NO_AUGMENTATION)


def equal(one: Batch, other: Batch) -> bool:
    return all(torch.equal(getattr(one, part), getattr(other, part)) for part in ("photo", "truth", "inside"))


def test_a_batch_is_tensors_of_0_to_1(crops: Crops) -> None:
    batch = crops.batch_at(0)
    assert batch.photo.shape == (4, 3, 17, 17)
    assert batch.truth.shape == batch.inside.shape == (4, 1, 17, 17)
    assert {t.dtype for t in (batch.photo, batch.truth, batch.inside)} == {torch.float32}
    assert set(batch.inside.flatten().tolist()) <= {0.0, 1.0}
    assert batch.photo.max() <= 1
    assert (batch.inside[:, 0, 8, 8] == 1).all()  # crops are centred inside the field of view


def colours(crops: Crops, steps: range) -> list[int]:
    """The colour of every crop."""
    return [round(float(photo.max()) * 255) for step in steps for photo in crops.batch_at(step).photo]


def test_every_photograph_has_its_turn_in_each_round(crops: Crops) -> None:
    seen = colours(crops, range(10))
    rounds = [[colour // 50 for colour in seen[k : k + 5]] for k in range(0, 40, 5)]
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in rounds)
    assert len({tuple(order) for order in rounds}) > 1
    assert {colour % 50 for colour in seen} == {5, 15}  # both sizes


def test_a_step_is_the_same_whenever_it_is_made(crops: Crops) -> None:
    moved = replace(crops, augmentation=Augmentation())
    later = list(islice(moved.from_step(2, workers=3), 4))
    assert all(equal(batch, moved.batch_at(2 + k)) for k, batch in enumerate(later))
    assert not equal(moved.batch_at(2), moved.batch_at(3))
    assert not equal(moved.batch_at(2), replace(moved, seed=4).batch_at(2))


def test_processes_share_a_step(crops: Crops) -> None:
    alone = replace(crops, batch=8).batch_at(5)
    halves = [replace(crops, rank=rank, world=2).batch_at(5) for rank in range(2)]
    assert torch.equal(torch.cat([half.photo for half in halves]), alone.photo)


def test_a_photograph_without_field_of_view_does_not_hang() -> None:
    dark = Example(*(np.zeros(shape, np.uint8) for shape in ((64, 64, 3), (64, 64), (64, 64))))
    batch = Crops(Photographs(((dark,),)), 16, 2, 0, Augmentation()).batch_at(0)
    assert not batch.inside.any()


def test_photographs_are_loaded_at_every_size() -> None:
    pairs = open_data("synthetic:1", "train").pairs
    (examples,) = load_photographs(pairs, preset("edge", 640), (64, 96)).examples
    assert [example.photo.shape for example in examples] == [(64, 64, 3), (96, 96, 3)]
    assert all(example.truth.any() and example.inside.any() for example in examples)


def test_some_crops_lie_on_whole_pixels_inside_the_square() -> None:
    """Their pixels are the photograph's own; at its edge they end where it ends."""
    rng = np.random.default_rng(5)
    photo = rng.integers(1, 256, (96, 96, 3), np.uint8)
    inside = np.full((96, 96), 255, np.uint8)
    whole = Example(photo, inside, inside)
    crops = Crops(Photographs(((whole,),)), 64, 1, 0, NO_AUGMENTATION)
    seen = [crops.batch_at(step) for step in range(60)]
    windows = {photo[y : y + 64, x : x + 64].tobytes(): (x, y) for x in range(33) for y in range(33)}
    found = [
        windows.get((batch.photo[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy().tobytes()) for batch in seen
    ]
    exact = [place for place in found if place is not None]
    assert len(exact) >= 10
    assert any(0 in place or 32 in place for place in exact)


def test_the_truth_is_the_share_of_a_pixel_that_is_vessel() -> None:
    inside = np.full((64, 64), 255, np.uint8)
    whole = Example(np.full((64, 64, 3), 90, np.uint8), np.full((64, 64), 51, np.uint8), inside)
    crops = Crops(Photographs(((whole,),)), 32, 2, 0, NO_AUGMENTATION)
    assert float(crops.batch_at(0).truth.max()) == pytest.approx(0.2)
    assert not replace(crops, coverage=False).batch_at(0).truth.any()


def test_no_vessel_is_lost_however_small_the_working_size() -> None:
    pairs = open_data("synthetic:1", "train").pairs
    (example,) = load_photographs(pairs, preset("edge"), [128]).examples[0]
    truth = pairs[0].load().truth
    assert example.truth.mean() * 128**2 == pytest.approx(truth.mean() * truth.size * (128 / 1024) ** 2, rel=0.15)
    assert ((example.truth > 0) & (example.truth <= 127)).any()  # what half of the area would have thrown away
