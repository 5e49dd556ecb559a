"""Model and data set -> scores against the manual masks, by one of three protocols.

`native`: at the photograph's own size, the model's own threshold, inside the published field of view; over the
whole frame where none is published, so that a field of view found too small hides no vessel.

`reference`: as the published ResUNet-Deeper was scored, to compare with its figures: photograph (linear) and manual
mask (nearest) stretched to 512x512, threshold 0.5, the whole frame. A model that crops and pads for itself does so
inside that frame, and so sees no more of the photograph than the reference did.

`reference-aligned`: the same, what is found moved to where that mask lies: nearest takes the pixel at floor(i * scale),
so that the mask lies half a pixel right of and below its photograph. On DRIVE test that costs the second human observer
0.05 of Dice. It tells how much of a score is the half pixel; no published figure compares with it.

A second human observer's masks are scored as a model's are, by the same protocols: `segmenter` None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.datasets import DataSet, LoadedPair, Pair, second_observer_mask
from edgeseg.errors import PhotoError, SystemSetupError
from edgeseg.evaluation.metrics import count_pixels, threshold_curve
from edgeseg.evaluation.result import EvaluationProtocol
from edgeseg.evaluation.scores import DataSetScores, PhotographScores, Scores
from edgeseg.field_of_view.detect import FieldOfView, detect_fields, largest_field
from edgeseg.imaging.arrays import Box, Mask, Photo, Probability
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.segmenter import Segmenter

Kind = TypeVar("Kind", np.uint8, np.float32)

REFERENCE_SIZE = 512
REFERENCE_THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is compared, all of one size.

    Attributes:
        photo: (H, W, 3) uint8 RGB.
        probability: (H, W) float32, 0 to 1; None of a human observer, who gives none.
        found: (H, W) uint8 {0, 255}, the model's vessels.
        truth: (H, W) uint8 {0, 255}, the observer's vessels.
        counted: (H, W) uint8 {0, 255}, where pixels count; None for the whole frame.
    """

    photo: Photo
    probability: Probability | None
    found: Mask
    truth: Mask
    counted: Mask | None

    def scores(self) -> Scores:
        """All of them, from this one comparison."""
        counts = count_pixels(self.found, self.truth, self.counted)
        auc = (
            math.nan
            if self.probability is None
            else threshold_curve(self.probability, self.truth, self.counted).auc
        )
        return Scores(
            dice=counts.dice,
            iou=counts.iou,
            accuracy=counts.accuracy,
            sensitivity=counts.sensitivity,
            specificity=counts.specificity,
            auc=None if math.isnan(auc) else auc,
        )


OnPhotograph = Callable[[PhotographScores, "Comparison | None"], None]
"""Told of each photograph when it is done; of one that could not be scored there is no comparison."""


def evaluate(
    segmenter: Segmenter | None,
    data_set: DataSet,
    protocol: EvaluationProtocol,
    watch: OnPhotograph | None = None,
) -> DataSetScores:
    """Score every photograph of a data set; of one that cannot be scored the reason is recorded, and the rest goes on.

    Args:
        segmenter: that finds the vessels; None for the second human observer's masks.
        data_set: the photographs.
        protocol: how they are scored.
        watch: told of each photograph.

    Raises:
        ModelError: the model is damaged.
    """
    photographs = []
    for pair in data_set.pairs:
        evidence, comparison = _judge(segmenter, pair, protocol)
        photographs.append(evidence)
        if watch is not None:
            watch(evidence, comparison)
    return DataSetScores(data_set.name, data_set.split, tuple(photographs))


def evaluation_threshold(segmenter: Segmenter | None, protocol: EvaluationProtocol) -> float:
    """Probability from which a pixel counts as vessel."""
    return (
        segmenter.threshold
        if segmenter is not None and protocol == "native"
        else REFERENCE_THRESHOLD
    )


def compare_with_manual(
    segmenter: Segmenter, loaded: LoadedPair, protocol: EvaluationProtocol, name: str
) -> Comparison:
    """Segment one photograph, and lay the result and the manual mask over each other.

    Raises:
        PhotographError: it holds no fundus.
    """
    if protocol == "native":
        found = segmenter.segment(loaded.photo, name)
        return Comparison(loaded.photo, found.probability, found.mask, loaded.truth, loaded.fov)
    return _stretched_comparison(
        loaded, _in_reference_frame(segmenter, loaded.photo, name), protocol
    )


def compare_observers(loaded: LoadedPair, second: Mask, protocol: EvaluationProtocol) -> Comparison:
    """Lay a second observer's vessels (H, W) {0, 255} over the first's, as a model's that saw the same photograph."""
    if protocol == "native":
        return Comparison(loaded.photo, None, second, loaded.truth, loaded.fov)
    drawn = _stretched((second / 255).astype(np.float32))
    return replace(_stretched_comparison(loaded, drawn, protocol), probability=None)


def _stretched_comparison(
    loaded: LoadedPair, probability: Probability, protocol: EvaluationProtocol
) -> Comparison:
    """Probability (512, 512) over the stretched photograph, compared with the stretched mask."""
    if protocol == "reference-aligned":
        probability = _moved_as_the_mask(probability, loaded.photo.shape[:2])
    vessels = np.where(probability >= REFERENCE_THRESHOLD, np.uint8(255), np.uint8(0))
    return Comparison(
        _stretched(loaded.photo), probability, vessels, _stretched_mask(loaded.truth), None
    )


def _judge(
    segmenter: Segmenter | None, pair: Pair, protocol: EvaluationProtocol
) -> tuple[PhotographScores, Comparison | None]:
    try:
        loaded = pair.load()
        if segmenter is None:
            comparison = compare_observers(
                loaded, second_observer_mask(pair, loaded.photo), protocol
            )
        else:
            comparison = compare_with_manual(segmenter, loaded, protocol, pair.name)
    except (PhotoError, SystemSetupError) as error:
        return PhotographScores(pair.name, None, str(error)), None
    return PhotographScores(pair.name, comparison.scores()), comparison


def _in_reference_frame(segmenter: Segmenter, photo: Photo, name: str) -> Probability:
    """Photograph (H, W, 3) -> probability (512, 512) over the whole stretched frame.

    The field of view comes from the photograph as it is, as it did in the reference system: stretched, the circle
    that is looked for is none.
    """
    how = segmenter.card.preprocessing
    fov = largest_field(detect_fields(photo, how, name))
    stretched = _stretched_fov(fov)
    if _stretches_by_itself(how):
        # Stretching first would only move its contrast step behind the resizing, which is not how it was trained.
        working = segmenter.infer(segmenter.prepare(photo, name, fov)).probability
        return np.where(stretched.mask != 0, working, np.float32(0))
    return segmenter.segment(_stretched(photo), name, stretched).probability


def _stretches_by_itself(how: PreprocessingConfig) -> bool:
    return (how.crop, how.fit, how.size) == ("frame", "stretch", REFERENCE_SIZE)


def _stretched(picture: npt.NDArray[Kind]) -> npt.NDArray[Kind]:
    side = (REFERENCE_SIZE, REFERENCE_SIZE)
    return cv2.resize(picture, side, interpolation=cv2.INTER_LINEAR).astype(
        picture.dtype, copy=False
    )


def _stretched_mask(mask: Mask) -> Mask:
    side = (REFERENCE_SIZE, REFERENCE_SIZE)
    return cv2.resize(mask, side, interpolation=cv2.INTER_NEAREST).astype(np.uint8, copy=False)


def _moved_as_the_mask(probability: Probability, frame: tuple[int, int]) -> Probability:
    """Probability (512, 512) over a photograph of `frame` (height, width) -> over its mask, stretched to nearest."""
    right, down = _displacement(frame[1]), _displacement(frame[0])
    move = np.array([[1, 0, right], [0, 1, down]], np.float32)
    return cv2.warpAffine(probability, move, probability.shape).astype(np.float32, copy=False)


def _displacement(pixels: int) -> float:
    """By how many of 512 pixels a line of `pixels` moves to the right when it is stretched to nearest, on average."""
    line = np.arange(pixels, dtype=np.float32)[None]
    taken = cv2.resize(line, (REFERENCE_SIZE, 1), interpolation=cv2.INTER_NEAREST)[0]
    middles = (taken + 0.5) * REFERENCE_SIZE / pixels - 0.5
    return float(np.mean(np.arange(REFERENCE_SIZE) - middles))


def _stretched_fov(fov: FieldOfView) -> FieldOfView:
    mask = _stretched_mask(fov.mask)
    return FieldOfView(mask, Box(*cv2.boundingRect(mask)))
