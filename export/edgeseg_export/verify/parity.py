"""One model file against the PyTorch network in FP32, photograph after photograph, so that memory stays flat."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from edgeseg.datasets import DataSet, LoadedPair, Pair, Split
from edgeseg.evaluation.protocols import Comparison
from edgeseg.evaluation.scores import DataSetScores, PhotographScores, Scores
from edgeseg.imaging.arrays import Mask, Probability
from edgeseg.postprocess import resize_to_photo, threshold_at_photo_size
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import Prepared, prepare
from edgeseg.runtimes.base import Runtime
from edgeseg_export.onnx_graph.trace import PhotoToProbability

EDGES = np.array([0, *10.0 ** np.arange(-7, 1), np.inf])
"""Of the histogram of differences: up to 1e-7, to 1e-6, ... to 1, and what is no number."""


@dataclass(frozen=True, eq=False)
class HeldPair:
    """A pair that stays in memory: drawing it anew for every file would take longer than all else."""

    name: str
    split: Split | None
    loaded: LoadedPair

    def load(self) -> LoadedPair:
        """As it is."""
        return self.loaded


def hold(data_set: DataSet) -> DataSet:
    """The same few photographs, loaded once."""
    return replace(
        data_set,
        pairs=tuple(HeldPair(pair.name, pair.split, pair.load()) for pair in data_set.pairs),
    )


@dataclass(frozen=True, eq=False)
class PreparedPair:
    """A photograph as the network sees it, and the way back to its own size."""

    loaded: LoadedPair
    prepared: Prepared

    def mask(self, working: Probability, threshold: float) -> Mask:
        """(size, size) -> vessels (H, W) {0, 255} at the photograph's own size."""
        return threshold_at_photo_size(
            working, self.prepared.placement, self.prepared.fov.mask, threshold
        )

    def scores(self, working: Probability, threshold: float) -> Scores:
        """By the `native` protocol, as `edgeseg evaluate` scores."""
        frame = resize_to_photo(working, self.prepared.placement, self.prepared.fov.mask)
        found = self.mask(working, threshold)
        return Comparison(
            self.loaded.photo, frame, found, self.loaded.truth, self.loaded.fov
        ).scores()


def prepare_pair(pair: Pair, how: PreprocessingConfig) -> PreparedPair:
    """Load one photograph, find its field of view, prepare it.

    Raises:
        PhotographError: it cannot be read, or holds no fundus.
    """
    loaded = pair.load()
    return PreparedPair(loaded, prepare(loaded.photo, how, pair.name))


@dataclass(frozen=True, eq=False)
class ReferenceOutputs:
    """What the PyTorch network found; its probabilities wait on the disk, a file a photograph.

    Attributes:
        how: the preprocessing, at the working size.
        threshold: probability from which a pixel is vessel.
        data_sets: the photographs.
        scored: whether their Dice counts; that of photographs drawn for want of others does not.
        files: (size, size) float32, in the photographs' order.
        scores: of the PyTorch network.
    """

    how: PreprocessingConfig
    threshold: float
    data_sets: tuple[DataSet, ...]
    scored: bool
    files: tuple[Path, ...]
    scores: tuple[DataSetScores, ...]

    def photographs(self) -> Iterator[tuple[str, str, PreparedPair, Probability]]:
        """Data set, name, photograph, and what the PyTorch network found; one at a time."""
        files = iter(self.files)
        for data_set in self.data_sets:
            for pair in data_set.pairs:
                yield data_set.name, pair.name, prepare_pair(pair, self.how), np.load(next(files))


def in_torch(
    network: PhotoToProbability,
    how: PreprocessingConfig,
    threshold: float,
    data_sets: Sequence[DataSet],
    scored: bool,
    scratch: Path,
) -> ReferenceOutputs:
    """Compute every photograph once with PyTorch in FP32."""
    files, scores = [], []
    for data_set in data_sets:
        evidence = []
        for pair in data_set.pairs:
            seen = prepare_pair(pair, how)
            probability = _infer(network, seen.prepared)
            file = scratch / f"{secrets.token_hex(8)}.npy"
            np.save(file, probability)
            files.append(file)
            if scored:
                evidence.append(
                    PhotographScores.from_scores(pair.name, seen.scores(probability, threshold))
                )
        scores.append(DataSetScores(data_set.name, data_set.split, tuple(evidence)))
    return ReferenceOutputs(
        how, threshold, tuple(data_sets), scored, tuple(files), tuple(scores) if scored else ()
    )


@torch.inference_mode()
def _infer(network: PhotoToProbability, photograph: Prepared) -> Probability:
    probability: Probability = network(torch.from_numpy(photograph.tensor))[0].numpy()
    return probability


@dataclass(frozen=True, eq=False)
class Worst:
    """The worst photograph: name, PyTorch's and the file's probability (size, size), 0 outside the field of view."""

    name: str
    expected: Probability
    found: Probability


@dataclass(frozen=True, eq=False)
class ParityReport:
    """A file against PyTorch over all photographs.

    Attributes:
        differences: largest of each photograph's probability; infinite where one of the two is no number.
        flipped: share of the field of view's pixels of each photograph whose mask changed, at its own size.
        histogram: pixels by difference of probability, between `EDGES`.
        worst: the photograph with most flipped pixels, then the largest difference.
        data_sets: scores of the file.
    """

    differences: tuple[float, ...]
    flipped: tuple[float, ...]
    histogram: npt.NDArray[np.int64]
    worst: Worst
    data_sets: tuple[DataSetScores, ...]


def measure(runtime: Runtime, truth: ReferenceOutputs) -> ParityReport:
    """Run a loaded file on the photographs.

    Raises:
        ModelError: it cannot be computed.
    """
    differences: list[float] = []
    flipped: list[float] = []
    histogram = np.zeros(len(EDGES) - 1, np.int64)
    scores: dict[str, list[PhotographScores]] = {data_set.name: [] for data_set in truth.data_sets}
    most, worst = (-1.0, -1.0), None
    for data_set, name, seen, expected in truth.photographs():
        found = runtime.infer(seen.prepared.tensor)
        difference = np.abs(found - expected)
        largest = float(difference.max()) if np.isfinite(difference).all() else float("inf")
        differences.append(largest)
        flipped.append(mask_change(seen, found, expected, truth.threshold))
        histogram += np.histogram(np.nan_to_num(difference, nan=np.inf, posinf=2.0), EDGES)[0]
        if worst is None or (flipped[-1], largest) > most:
            most, worst = (
                (flipped[-1], largest),
                _worst(f"{data_set} {name}", seen, expected, found),
            )
        if truth.scored:
            sound = np.nan_to_num(
                np.clip(found, 0, 1)
            )  # INT8's rounding may leave 0 to 1; NaN fails elsewhere
            scores[data_set].append(
                PhotographScores.from_scores(name, seen.scores(sound, truth.threshold))
            )
    assert worst is not None  # a data set without photographs is refused when it is opened
    evidence = tuple(
        DataSetScores(d.name, d.split, tuple(scores[d.name]))
        for d in truth.data_sets
        if truth.scored
    )
    return ParityReport(tuple(differences), tuple(flipped), histogram, worst, evidence)


def _worst(name: str, seen: PreparedPair, expected: Probability, found: Probability) -> Worst:
    """What people look at: what a network says outside the field of view reaches no mask."""
    inside = seen.prepared.inside != 0
    zero = np.float32(0)
    return Worst(name, np.where(inside, expected, zero), np.where(inside, found, zero))


def mask_change(
    seen: PreparedPair, one: Probability, other: Probability, threshold: float
) -> float:
    """Share of the field of view's pixels, at the photograph's own size, whose mask differs."""
    changed = cv2.bitwise_xor(seen.mask(one, threshold), seen.mask(other, threshold))
    return cv2.countNonZero(changed) / max(1, cv2.countNonZero(seen.prepared.fov.mask))
