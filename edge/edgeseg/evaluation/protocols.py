"""Evaluation of a model against manual masks with one of three protocols.

`native`: the original size of the photograph, the threshold of the model, and the published field
of view. If no field of view is published, the whole frame counts, so that vessels outside a
detected field of view are counted as missed.

`reference`: the protocol of the ResUNet-Deeper publication, for comparison with its results. The
photograph (linear interpolation) and the manual mask (nearest neighbour) are stretched to 512x512,
the threshold is 0.5, and the whole frame counts. The crop and the padding of a model are applied
inside the stretched frame.

`reference-aligned`: like `reference`, with the probability shifted to the position of the stretched
mask. Nearest-neighbour resizing selects the pixel at floor(i * scale), which shifts the mask by
half a pixel to the right and down. On DRIVE test, this shift lowers the Dice of the second human
observer by 0.05. The difference between the scores of `reference` and `reference-aligned` is
due to this shift. Published results do not use this protocol.

The masks of a second human observer are scored with the same protocols (`segmenter` is None).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeVar

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from edgeseg.datasets import DataSet, LoadedPair, Pair, read_second_observer_mask
from edgeseg.errors import PhotoError, SystemSetupError
from edgeseg.evaluation.metrics import ThresholdCurve, count_pixels, threshold_curve
from edgeseg.evaluation.result import EvaluationProtocol
from edgeseg.evaluation.scores import DataSetScores, PhotographScores, Scores
from edgeseg.evaluation.structure import compare_structure
from edgeseg.field_of_view.detect import FieldOfView, detect_fields
from edgeseg.imaging.arrays import Box, Mask, Photo, Probability
from edgeseg.segmentation import Segmentation
from edgeseg.segmenter import Segmenter

Pixel = TypeVar("Pixel", np.uint8, np.float32)

REFERENCE_SIZE = 512
REFERENCE_THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class Comparison:
    """A prediction and the manual mask of one photograph, as arrays of equal size.

    Attributes:
        photo: (H, W, 3) uint8 RGB.
        probability: (H, W) float32, 0 to 1; None for a human observer, or if `curve` is given.
        prediction: (H, W) uint8 {0, 255}, predicted vessels.
        truth: (H, W) uint8 {0, 255}, manual mask.
        inside: (H, W) uint8 {0, 255}, counted pixels; None for the whole frame.
        notes: information for the user about the manual mask.
        curve: histograms of the probability; None to compute them from `probability`.
    """

    photo: Photo
    probability: Probability | None
    prediction: Mask
    truth: Mask
    inside: Mask | None
    notes: tuple[str, ...] = ()
    curve: ThresholdCurve | None = None

    def scores(self, structure: bool = False) -> Scores:
        """Compute the pixel scores and, if requested, the scores of the vessel structure."""
        counts = count_pixels(self.prediction, self.truth, self.inside)
        curve = self.curve
        if curve is None and self.probability is not None:
            curve = threshold_curve(self.probability, self.truth, self.inside)
        structure_scores: dict[str, float | None] = {}
        if structure:
            compared = compare_structure(self.prediction, self.truth, self.inside)
            if compared is not None:
                structure_scores = msgspec.structs.asdict(compared)
        return Scores(
            dice=counts.dice,
            iou=counts.iou,
            accuracy=counts.accuracy,
            sensitivity=counts.sensitivity,
            specificity=counts.specificity,
            auc=None if curve is None else curve.auc,
            **structure_scores,
        )


OnPhotograph = Callable[[PhotographScores, "Comparison | None"], None]
"""Callback that is called after each photograph. If scoring failed, the comparison is None."""


def evaluate(
    segmenter: Segmenter | None,
    data_set: DataSet,
    protocol: EvaluationProtocol,
    on_photograph: OnPhotograph | None = None,
    structure: bool = False,
) -> DataSetScores:
    """Score every photograph of a data set.

    If a photograph cannot be scored, the reason is stored and the evaluation continues.

    Args:
        segmenter: model to evaluate; None for the masks of the second human observer.
        data_set: photographs with manual masks.
        protocol: evaluation protocol.
        on_photograph: callback after each photograph.
        structure: whether to compute the scores of the vessel structure.

    Raises:
        ModelError: The model file is damaged.
    """
    photographs = []
    for pair in data_set.pairs:
        comparison = None
        try:
            comparison = _compare(segmenter, pair, protocol)
            scores = PhotographScores.from_scores(pair.name, comparison.scores(structure))
        except (PhotoError, SystemSetupError) as error:
            scores = PhotographScores(pair.name, status=str(error))
        photographs.append(scores)
        if on_photograph is not None:
            on_photograph(scores, comparison)
    return DataSetScores(data_set.name, data_set.split, tuple(photographs))


def evaluation_threshold(segmenter: Segmenter | None, protocol: EvaluationProtocol) -> float:
    """Return the vessel probability threshold of a protocol."""
    if segmenter is not None and protocol == "native":
        return segmenter.threshold
    return REFERENCE_THRESHOLD


def _describe_masks(pair: Pair, loaded: LoadedPair) -> tuple[str, ...]:
    if not loaded.misoriented:
        return loaded.notes
    return (*loaded.notes, f"{pair.name}: {loaded.misoriented}")


def _compare(segmenter: Segmenter | None, pair: Pair, protocol: EvaluationProtocol) -> Comparison:
    loaded = pair.load()
    if segmenter is None:
        second = read_second_observer_mask(pair, loaded.photo)
        comparison = compare_observers(loaded, second, protocol)
    else:
        comparison = compare_with_manual(segmenter, loaded, protocol, pair.name)
    return replace(comparison, notes=_describe_masks(pair, loaded))


def compare_with_manual(
    segmenter: Segmenter, loaded: LoadedPair, protocol: EvaluationProtocol, name: str
) -> Comparison:
    """Segment a photograph and compare the result with the manual mask.

    Raises:
        PhotoError: No field of view was detected.
    """
    if protocol == "native":
        return _compare_native(segmenter.segment(loaded.photo, name), loaded)
    return _compare_stretched(loaded, _segment_stretched(segmenter, loaded.photo, name), protocol)


def _compare_native(result: Segmentation, loaded: LoadedPair) -> Comparison:
    """Compare a result with the manual mask. The masks are limited to the counted pixels."""
    prediction, truth, inside = result.mask, loaded.truth, loaded.counted
    curves: list[ThresholdCurve] = []
    for rows, probability in result.probability_bands():
        counted = None if inside is None else inside[rows]
        curves.append(threshold_curve(probability, truth[rows], counted))
    del result  # reduces the peak memory
    if inside is not None:
        cv2.bitwise_and(prediction, inside, prediction)
        truth = np.asarray(cv2.bitwise_and(truth, inside), np.uint8)
    curve = reduce(ThresholdCurve.plus, curves)
    return Comparison(loaded.photo, None, prediction, truth, inside, curve=curve)


def compare_observers(loaded: LoadedPair, second: Mask, protocol: EvaluationProtocol) -> Comparison:
    """Compare the masks of the second and the first observer, (H, W) uint8 {0, 255}."""
    if protocol == "native":
        return Comparison(loaded.photo, None, second, loaded.truth, loaded.counted)
    probability = _stretch((second / 255).astype(np.float32))
    return replace(_compare_stretched(loaded, probability, protocol), probability=None)


def _compare_stretched(
    loaded: LoadedPair, probability: Probability, protocol: EvaluationProtocol
) -> Comparison:
    """Compare a probability, (512, 512), with the stretched manual mask."""
    if protocol == "reference-aligned":
        probability = _shift_like_mask(probability, loaded.photo.shape[:2])
    vessels = np.where(probability >= REFERENCE_THRESHOLD, np.uint8(255), np.uint8(0))
    truth = _stretch(loaded.truth, cv2.INTER_NEAREST)
    inside = None
    if loaded.ignored is not None:  # the published field of view is ignored in this protocol
        inside = ~_stretch(loaded.ignored, cv2.INTER_NEAREST)
    return Comparison(_stretch(loaded.photo), probability, vessels, truth, inside)


def _segment_stretched(segmenter: Segmenter, photo: Photo, name: str) -> Probability:
    """Compute the probability over the whole stretched frame, (512, 512).

    As in ResUNet-Deeper, the field of view is detected before stretching, because a stretched
    circle is an ellipse.
    """
    fields = detect_fields(photo, segmenter.card.preprocessing, name)
    maps = [_segment_stretched_field(segmenter, photo, fov, name) for fov in fields]
    return reduce(np.maximum, maps)


def _segment_stretched_field(
    segmenter: Segmenter, photo: Photo, fov: FieldOfView, name: str
) -> Probability:
    config = segmenter.card.preprocessing
    mask = _stretch(fov.mask, cv2.INTER_NEAREST)
    if (config.crop, config.fit, config.size) == ("frame", "stretch", REFERENCE_SIZE):
        # The model's own preprocessing stretches the photograph after CLAHE at full size.
        # Stretching before CLAHE would differ from the training.
        probability = segmenter.infer(segmenter.prepare(photo, name, fov)).probability
        return np.where(mask != 0, probability, np.float32(0))
    stretched_fov = FieldOfView(mask, Box(*cv2.boundingRect(mask)))
    return segmenter.segment(_stretch(photo), name, stretched_fov).probability


def _stretch(
    image: npt.NDArray[Pixel], interpolation: int = cv2.INTER_LINEAR
) -> npt.NDArray[Pixel]:
    size = (REFERENCE_SIZE, REFERENCE_SIZE)
    return cv2.resize(image, size, interpolation=interpolation).astype(image.dtype, copy=False)


def _shift_like_mask(probability: Probability, frame: tuple[int, int]) -> Probability:
    """Shift a stretched probability to align it with the nearest-neighbour mask.

    Args:
        probability: (512, 512) float32.
        frame: (height, width) of the photograph in pixels.
    """
    right, down = _mask_shift(frame[1]), _mask_shift(frame[0])
    translation = np.array([[1, 0, right], [0, 1, down]], np.float32)
    shifted = cv2.warpAffine(probability, translation, probability.shape)
    return shifted.astype(np.float32, copy=False)


def _mask_shift(length: int) -> float:
    """Return the mean shift of nearest-neighbour resizing to 512 pixels, in output pixels."""
    line = np.arange(length, dtype=np.float32)[None]
    sampled = cv2.resize(line, (REFERENCE_SIZE, 1), interpolation=cv2.INTER_NEAREST)[0]
    centres = (sampled + 0.5) * REFERENCE_SIZE / length - 0.5
    return float(np.mean(np.arange(REFERENCE_SIZE) - centres))
