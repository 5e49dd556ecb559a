from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import pytest

from edgeseg.datasets import DataSet, LoadedPair, Split, open_data
from edgeseg.errors import PhotoError, SystemSetupError
from edgeseg.evaluation.protocols import REFERENCE_SIZE, Comparison, compare_with_manual, evaluate
from edgeseg.evaluation.result import EvaluationProtocol
from edgeseg.evaluation.scores import PhotographScores
from edgeseg.field_of_view.detect import FieldOfView
from edgeseg.imaging.arrays import Box, Mask, Photo, Probability
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg.segmenter import Segmenter
from edgeseg.synthetic import generate_photo

SIZE = 256


@pytest.fixture(scope="module")
def loaded() -> LoadedPair:
    """A drawn pair, wider than high so that stretching shows, its field of view published."""
    drawn = generate_photo(3, SIZE)
    photo, truth, fov = (
        np.pad(p, [(0, 0), (0, 64)] + [(0, 0)] * (p.ndim - 2))
        for p in (drawn.photo, drawn.truth, drawn.fov)
    )
    return LoadedPair(photo, truth, fov)


@pytest.fixture(scope="module")
def segmenter(tiny_model: Path) -> Segmenter:
    return Segmenter(tiny_model, threads=1)


def _dice(found: Mask, truth: Mask, where: Mask | None = None) -> float:
    counted = np.ones(truth.shape, bool) if where is None else where != 0
    f, t = (found != 0) & counted, (truth != 0) & counted
    return float(2 * (f & t).sum() / (f.sum() + t.sum()))


@dataclass(frozen=True)
class _InMemory:
    """A pair that is there already, or that cannot be loaded."""

    name: str
    content: LoadedPair | Exception
    split: Split | None = None

    def load(self) -> LoadedPair:
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


# The protocols


def probability_of(comparison: Comparison) -> Probability:
    """A model's; a human gives none."""
    assert comparison.probability is not None
    return comparison.probability


def test_native_counts_inside_the_published_field_of_view_at_own_size(
    segmenter: Segmenter, loaded: LoadedPair
) -> None:
    assert loaded.fov is not None
    small = cv2.erode(loaded.fov, np.ones((41, 41), np.uint8)).astype(np.uint8)
    comparison = compare_with_manual(segmenter, replace(loaded, fov=small), "native", "eye")
    result = segmenter.segment(loaded.photo)
    assert (comparison.found == result.mask).all()
    assert comparison.scores().dice == pytest.approx(_dice(result.mask, loaded.truth, small))
    assert comparison.scores().dice != pytest.approx(_dice(result.mask, loaded.truth))


def test_native_counts_the_whole_frame_where_no_field_of_view_is_published(
    segmenter: Segmenter, loaded: LoadedPair
) -> None:
    # Vessels outside of the found field of view are missed ones.
    truth = loaded.truth.copy()
    truth[:, -20:] = 255
    comparison = compare_with_manual(
        segmenter, LoadedPair(loaded.photo, truth, None), "native", "eye"
    )
    assert not comparison.found[:, -20:].any()
    assert comparison.scores().dice == pytest.approx(
        _dice(segmenter.segment(loaded.photo).mask, truth)
    )


def test_native_takes_the_models_own_threshold(tiny_model: Path, loaded: LoadedPair) -> None:
    strict = Segmenter(tiny_model, threads=1, threshold=0.52)
    comparison = compare_with_manual(strict, loaded, "native", "eye")
    assert ((comparison.found != 0) == (probability_of(comparison) >= np.float32(0.52))).all()


def test_reference_stretches_photograph_and_mask_and_counts_the_whole_frame(
    tiny_model: Path, loaded: LoadedPair
) -> None:
    # Whatever the model's own threshold is, and whether or not a field of view is published.
    comparison = compare_with_manual(
        Segmenter(tiny_model, threads=1, threshold=0.1), loaded, "reference", "eye"
    )
    side = (REFERENCE_SIZE, REFERENCE_SIZE)
    assert (
        comparison.photo == cv2.resize(loaded.photo, side, interpolation=cv2.INTER_LINEAR)
    ).all()
    assert (
        comparison.truth == cv2.resize(loaded.truth, side, interpolation=cv2.INTER_NEAREST)
    ).all()
    assert ((comparison.found != 0) == (probability_of(comparison) >= 0.5)).all()
    assert comparison.counted is None
    assert (
        comparison.scores()
        == compare_with_manual(
            Segmenter(tiny_model, threads=1), replace(loaded, fov=None), "reference", "eye"
        ).scores()
    )


def test_reference_finds_the_field_of_view_before_it_stretches(
    segmenter: Segmenter, loaded: LoadedPair
) -> None:
    # A circle that was stretched is none, and a finder of circles loses a part of it.
    mask = cv2.resize(
        segmenter.segment(loaded.photo).fov.mask, (512, 512), interpolation=cv2.INTER_NEAREST
    )
    stretched = FieldOfView(mask.astype(np.uint8), Box(*cv2.boundingRect(mask)))
    expected = segmenter.segment(
        cv2.resize(loaded.photo, (512, 512)).astype(np.uint8), fov=stretched
    )
    assert np.array_equal(
        probability_of(compare_with_manual(segmenter, loaded, "reference", "eye")),
        expected.probability,
    )


@pytest.mark.parametrize("frame", [(584, 565), (600, 1200), (2048, 2048), (300, 400)])
def test_aligned_lays_what_is_found_where_the_stretched_mask_lies(frame: tuple[int, int]) -> None:
    # Whoever finds exactly what the observer marked must not lose by the half pixel that the mask is moved.
    rng = np.random.default_rng(0)
    truth = cv2.resize(
        rng.integers(0, 2, (50, 50), np.uint8) * 255, frame[::-1], interpolation=cv2.INTER_NEAREST
    )
    photo = np.repeat(truth[:, :, None], 3, axis=2).astype(np.uint8)
    moved, unmoved = (
        compare_with_manual(
            _sees_vessels_as_they_are(),
            LoadedPair(photo, truth.astype(np.uint8), None),
            protocol,
            "eye",
        )
        .scores()
        .dice
        for protocol in cast("tuple[EvaluationProtocol, ...]", ("reference-aligned", "reference"))
    )
    assert moved > unmoved + 0.01
    assert moved > 0.97


def test_aligned_moves_nothing_where_nothing_is_stretched(loaded: LoadedPair) -> None:
    side = (REFERENCE_SIZE, REFERENCE_SIZE)
    truth = cv2.resize(loaded.truth, side, interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    pair = LoadedPair(np.repeat(truth[:, :, None], 3, axis=2), truth, None)
    assert (
        compare_with_manual(_sees_vessels_as_they_are(), pair, "reference-aligned", "eye")
        .scores()
        .dice
        == 1
    )


def _sees_vessels_as_they_are() -> Segmenter:
    """Takes a photograph's grey for the probability."""

    def segment(photo: Photo, name: str, fov: FieldOfView) -> SimpleNamespace:
        return SimpleNamespace(probability=(photo[:, :, 0] / 255).astype(np.float32))

    card = SimpleNamespace(preprocessing=PreprocessingConfig(size=64, fov="none"))
    return cast("Segmenter", SimpleNamespace(card=card, segment=segment))


def test_reference_leaves_the_stretching_to_a_model_that_stretches_itself(
    make_model: Callable[[str, PreprocessingConfig], Path], loaded: LoadedPair
) -> None:
    # The published system equalises at full size and then stretches; the other order is another network input.
    itself = Segmenter(make_model("reference", preprocessing_preset("reference")), threads=1)
    result = itself.segment(loaded.photo)
    probability = probability_of(compare_with_manual(itself, loaded, "reference", "eye"))
    inside = cv2.resize(result.fov.mask, (512, 512), interpolation=cv2.INTER_NEAREST) != 0
    assert (probability[inside] == result.inferred[0].probability[inside]).all()
    assert not probability[~inside].any()


@pytest.mark.parametrize("protocol", ["native", "reference"])
def test_a_perfect_model_scores_one(protocol: str, loaded: LoadedPair) -> None:
    probability: Probability = (loaded.truth / 255).astype(np.float32)
    fov = loaded.fov if protocol == "native" else None
    scores = Comparison(loaded.photo, probability, loaded.truth, loaded.truth, fov).scores()
    assert set(
        map(
            float,
            (scores.dice, scores.iou, scores.accuracy, scores.sensitivity, scores.specificity),
        )
    ) == {1.0}
    assert scores.auc == 1


def test_without_a_vessel_auc_is_not_defined(loaded: LoadedPair) -> None:
    nothing = np.zeros_like(loaded.truth)
    assert (
        Comparison(loaded.photo, nothing.astype(np.float32), nothing, nothing, None).scores().auc
        is None
    )


# A data set


def test_what_cannot_be_scored_is_recorded_and_the_rest_goes_on(
    segmenter: Segmenter, loaded: LoadedPair
) -> None:
    black = replace(loaded, photo=np.zeros_like(loaded.photo))
    pairs = (
        _InMemory("cut", PhotoError("cut.png: cut off")),
        _InMemory("black", black),
        _InMemory("size", SystemSetupError("size.png: the mask is of another size")),
        _InMemory("good", loaded),
    )
    seen: list[tuple[str, bool]] = []

    def watch(photograph: PhotographScores, comparison: Comparison | None) -> None:
        seen.append((photograph.name, comparison is not None))

    evidence = evaluate(segmenter, DataSet("pairs", "test", pairs), "native", watch)
    assert seen == [("cut", False), ("black", False), ("size", False), ("good", True)]
    assert evidence.failed == 3
    assert evidence.photographs[0].status == "cut.png: cut off"
    assert "black" in evidence.photographs[1].status
    assert (
        evidence.mean
        == evidence.photographs[3].scores
        == compare_with_manual(segmenter, loaded, "native", "good").scores()
    )


def test_a_bug_is_not_taken_for_a_bad_photograph(segmenter: Segmenter) -> None:
    with pytest.raises(ZeroDivisionError):
        evaluate(
            segmenter, DataSet("pairs", "test", (_InMemory("bug", ZeroDivisionError()),)), "native"
        )


# Real photographs


@pytest.mark.parametrize(
    ("name", "folder"), [("drive", "DRIVE"), ("stare", "STARE"), ("hrf", "HRF")]
)
def test_reference_protocol_keeps_the_field_of_view_of_stretched_photographs(
    segmenter: Segmenter, data_root: Path, name: str, folder: str
) -> None:
    # Searched in the stretched photograph, STARE's came out with an IoU of 0.61, DRIVE's with 0.95.
    pair = open_data(f"{name}:{data_root / folder}", "test").pairs[0].load()
    field = segmenter.segment(pair.photo).fov.mask
    expected = cv2.resize(field, (512, 512), interpolation=cv2.INTER_NEAREST) != 0
    found = probability_of(compare_with_manual(segmenter, pair, "reference", name)) > 0
    assert (found & expected).sum() / (found | expected).sum() > 0.999
