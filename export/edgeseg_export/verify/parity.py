"""Comparison of a model file with PyTorch in FP32: probability and masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from edgeseg.datasets import DataSet
from edgeseg.evaluation.scores import DataSetScores, PhotographScores
from edgeseg.imaging.arrays import Probability
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.runtimes.base import Runtime
from edgeseg_export.network_output import activate
from edgeseg_export.onnx_graph.trace import PhotoToProbability
from edgeseg_export.verify.output_range import OutputRange
from edgeseg_export.verify.prepared_pair import PreparedPair, prepare_pair

# Upper edges of the histogram of differences, from 1e-7 to 1; the last bin contains NaN and
# infinity.
HISTOGRAM_EDGES = np.array([0, *10.0 ** np.arange(-7, 1), np.inf])


@dataclass(frozen=True, eq=False)
class ReferenceOutputs:
    """Outputs of the PyTorch network in FP32 for the photographs of the checks.

    Attributes:
        threshold: vessel probability threshold.
        pairs: prepared photographs.
        files: files with the probability of each photograph, (size, size) float32. Files are used,
            because 20 photographs would require 160 MB of memory at a working size of 1408 pixels.
        scores: scores per data set; empty if only parity is checked.
        implausible_masks: description if all masks are nearly full or empty; otherwise "".
    """

    threshold: float
    pairs: tuple[PreparedPair, ...]
    files: tuple[Path, ...]
    scores: tuple[DataSetScores, ...]
    implausible_masks: str = ""


@dataclass(frozen=True, eq=False)
class WorstPhotograph:
    """Photograph that a conversion changed most.

    Attributes:
        name: data set and photograph.
        expected: (size, size) probability of PyTorch, 0 outside the field of view.
        actual: (size, size) probability of the file, 0 outside the field of view.
    """

    name: str
    expected: Probability
    actual: Probability


@dataclass(frozen=True, eq=False)
class ParityReport:
    """Comparison of a file with PyTorch on all photographs.

    Attributes:
        differences: largest difference of each photograph's probability; infinite for NaN.
        mask_changes: share of changed mask pixels in each photograph's field of view.
        histogram: number of pixels for each bin of `HISTOGRAM_EDGES`.
        worst: photograph with the largest mask change, then the largest difference.
        scores: scores of the file per data set, in the order of the reference.
    """

    differences: tuple[float, ...]
    mask_changes: tuple[float, ...]
    histogram: npt.NDArray[np.int64]
    worst: WorstPhotograph
    scores: tuple[DataSetScores, ...]


@torch.inference_mode()
def compute_reference(
    network: PhotoToProbability,
    config: PreprocessingConfig,
    threshold: float,
    data_sets: Sequence[DataSet],
    scored: bool,
    scratch: Path,
) -> ReferenceOutputs:
    """Prepare every photograph and compute its vessel probability with PyTorch.

    Args:
        network: network in evaluation mode, FP32, on the CPU.
        config: preprocessing at the working size.
        threshold: vessel probability threshold.
        data_sets: photographs for the checks.
        scored: whether to compute scores.
        scratch: existing folder for the probabilities.

    Raises:
        PhotoError: A photograph cannot be read, or is not a fundus photograph.
        ModelError: The values are not of the declared kind, logit or probability.
    """
    pairs: list[PreparedPair] = []
    files: list[Path] = []
    scores: list[DataSetScores] = []
    output_range = OutputRange()
    for data_set in data_sets:
        photographs = []
        for loadable in data_set.pairs:
            pair = prepare_pair(data_set.name, loadable, config)
            channels = network.compute_map(torch.from_numpy(pair.tensor))
            output_range.add_map(channels, network.output)
            probability: Probability = activate(channels, network.output)[0].numpy()
            output_range.add_mask(pair, probability, threshold)
            file = scratch / f"reference-{config.size}-{len(files)}.npy"
            np.save(file, probability)
            pairs.append(pair)
            files.append(file)
            if scored:
                pair_scores = pair.score(probability, threshold)
                photographs.append(PhotographScores.from_scores(pair.name, pair_scores))
        if scored:
            scores.append(DataSetScores(data_set.name, data_set.split, tuple(photographs)))
    output_range.check_kind(network.output)
    warning = output_range.describe_implausible_masks()
    return ReferenceOutputs(threshold, tuple(pairs), tuple(files), tuple(scores), warning)


def measure_parity(runtime: Runtime, reference: ReferenceOutputs) -> ParityReport:
    """Run a model file on the photographs and compare its outputs with the reference.

    Raises:
        ModelError: The model cannot be computed.
    """
    differences: list[float] = []
    changes: list[float] = []
    histogram = np.zeros(len(HISTOGRAM_EDGES) - 1, np.int64)
    scores: dict[str, list[PhotographScores]] = {result.name: [] for result in reference.scores}
    worst = None
    worst_rank = (-1.0, -1.0)
    for pair, file in zip(reference.pairs, reference.files, strict=True):
        expected = np.load(file)
        actual = runtime.infer(pair.tensor)
        difference = np.abs(actual - expected)
        largest = float(difference.max()) if np.isfinite(difference).all() else float("inf")
        change = measure_mask_change(pair, actual, expected, reference.threshold)
        differences.append(largest)
        changes.append(change)
        countable = np.nan_to_num(difference, nan=np.inf, posinf=2.0)
        histogram += np.histogram(countable, HISTOGRAM_EDGES)[0]
        if (change, largest) > worst_rank:
            worst = _clear_outside(pair, expected, actual)
            worst_rank = (change, largest)
        if reference.scores:
            # Values may be slightly outside 0 to 1 after INT8 rounding. Another check rejects NaN.
            valid = np.nan_to_num(np.clip(actual, 0, 1))
            valid_scores = pair.score(valid, reference.threshold)
            scores[pair.data_set].append(PhotographScores.from_scores(pair.name, valid_scores))
    assert worst is not None  # a data set without photographs raises an error when it is opened
    results = [DataSetScores(r.name, r.split, tuple(scores[r.name])) for r in reference.scores]
    return ParityReport(tuple(differences), tuple(changes), histogram, worst, tuple(results))


def _clear_outside(
    pair: PreparedPair, expected: Probability, actual: Probability
) -> WorstPhotograph:
    """Set the probability outside the field of view to 0, because it does not affect the mask."""
    inside = pair.inside != 0
    zero = np.float32(0)
    return WorstPhotograph(
        name=f"{pair.data_set} {pair.name}",
        expected=np.where(inside, expected, zero),
        actual=np.where(inside, actual, zero),
    )


def measure_mask_change(
    pair: PreparedPair, first: Probability, second: Probability, threshold: float
) -> float:
    """Return the share of the field of view in which two masks differ, at the original size.

    Args:
        pair: prepared photograph.
        first: (size, size) probability.
        second: (size, size) probability.
        threshold: vessel probability threshold.
    """
    changed = cv2.bitwise_xor(pair.segment(first, threshold), pair.segment(second, threshold))
    return cv2.countNonZero(changed) / max(1, cv2.countNonZero(pair.unpack(pair.fov)))
