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

from edgeseg.datasets import DataSet, Loaded, Pair, Split
from edgeseg.evaluation.protocols import Comparison
from edgeseg.evaluation.scores import DataSetEvidence, PhotographEvidence, Scores
from edgeseg.field_of_view.detect import FieldOfView, field_of_view
from edgeseg.imaging.arrays import Mask, Probability
from edgeseg.postprocess import to_frame, to_mask
from edgeseg.preprocessing.config import Preprocessing
from edgeseg.preprocessing.prepare import Prepared, preprocess
from edgeseg.runtimes.base import Runtime
from edgeseg_export.onnx_graph.trace import PhotoToProbability

EDGES = np.array([0, *10.0 ** np.arange(-7, 1), np.inf])
"""Of the histogram of differences: up to 1e-7, to 1e-6, ... to 1, and what is no number."""


@dataclass(frozen=True, eq=False)
class Held:
    """A pair that stays in memory: drawing it anew for every file would take longer than all else."""

    name: str
    split: Split | None
    loaded: Loaded

    def load(self) -> Loaded:
        """As it is."""
        return self.loaded


def hold(data_set: DataSet) -> DataSet:
    """The same few photographs, loaded once."""
    return replace(
        data_set, pairs=tuple(Held(pair.name, pair.split, pair.load()) for pair in data_set.pairs)
    )


@dataclass(frozen=True, eq=False)
class Seen:
    """A photograph as the network sees it, and the way back to its own size."""

    loaded: Loaded
    fov: FieldOfView
    prepared: Prepared

    def mask(self, working: Probability, threshold: float) -> Mask:
        """(size, size) -> vessels (H, W) {0, 255} at the photograph's own size."""
        return to_mask(working, self.prepared.placement, self.fov.mask, threshold)

    def scores(self, working: Probability, threshold: float) -> Scores:
        """By the `native` protocol, as `edgeseg evaluate` scores."""
        frame = to_frame(working, self.prepared.placement, self.fov.mask)
        found = self.mask(working, threshold)
        return Comparison(
            self.loaded.photo, frame, found, self.loaded.truth, self.loaded.fov
        ).scores()


def see(pair: Pair, how: Preprocessing) -> Seen:
    """Load one photograph, find its field of view, prepare it.

    Raises:
        PhotographError: it cannot be read, or holds no fundus.
    """
    loaded = pair.load()
    fov = field_of_view(loaded.photo, how.fov, pair.name)
    return Seen(loaded, fov, preprocess(loaded.photo, fov, how))


@dataclass(frozen=True, eq=False)
class Truth:
    """What the PyTorch network found; its probabilities wait on the disk, a file a photograph.

    Attributes:
        how: the preprocessing, at the working size.
        threshold: probability from which a pixel is vessel.
        data_sets: the photographs.
        scored: whether their Dice counts; that of photographs drawn for want of others does not.
        files: (size, size) float32, in the photographs' order.
        scores: of the PyTorch network.
    """

    how: Preprocessing
    threshold: float
    data_sets: tuple[DataSet, ...]
    scored: bool
    files: tuple[Path, ...]
    scores: tuple[DataSetEvidence, ...]

    def photographs(self) -> Iterator[tuple[str, str, Seen, Probability]]:
        """Data set, name, photograph, and what the PyTorch network found; one at a time."""
        files = iter(self.files)
        for data_set in self.data_sets:
            for pair in data_set.pairs:
                yield data_set.name, pair.name, see(pair, self.how), np.load(next(files))


def in_torch(
    network: PhotoToProbability,
    how: Preprocessing,
    threshold: float,
    data_sets: Sequence[DataSet],
    scored: bool,
    scratch: Path,
) -> Truth:
    """Compute every photograph once with PyTorch in FP32."""
    files, scores = [], []
    for data_set in data_sets:
        evidence = []
        for pair in data_set.pairs:
            seen = see(pair, how)
            probability = _infer(network, seen.prepared)
            file = scratch / f"{secrets.token_hex(8)}.npy"
            np.save(file, probability)
            files.append(file)
            if scored:
                evidence.append(PhotographEvidence(pair.name, seen.scores(probability, threshold)))
        scores.append(DataSetEvidence(data_set.name, data_set.split, tuple(evidence)))
    return Truth(
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
class Measured:
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
    data_sets: tuple[DataSetEvidence, ...]


def measure(runtime: Runtime, truth: Truth) -> Measured:
    """Run a loaded file on the photographs.

    Raises:
        ModelError: it cannot be computed.
    """
    differences: list[float] = []
    flipped: list[float] = []
    histogram = np.zeros(len(EDGES) - 1, np.int64)
    scores: dict[str, list[PhotographEvidence]] = {
        data_set.name: [] for data_set in truth.data_sets
    }
    most, worst = (-1.0, -1.0), None
    for data_set, name, seen, expected in truth.photographs():
        found = runtime.infer(seen.prepared.tensor)
        difference = np.abs(found - expected)
        largest = float(difference.max()) if np.isfinite(difference).all() else float("inf")
        differences.append(largest)
        flipped.append(flips(seen, found, expected, truth.threshold))
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
            scores[data_set].append(PhotographEvidence(name, seen.scores(sound, truth.threshold)))
    assert worst is not None  # a data set without photographs is refused when it is opened
    evidence = tuple(
        DataSetEvidence(d.name, d.split, tuple(scores[d.name]))
        for d in truth.data_sets
        if truth.scored
    )
    return Measured(tuple(differences), tuple(flipped), histogram, worst, evidence)


def _worst(name: str, seen: Seen, expected: Probability, found: Probability) -> Worst:
    """What people look at: what a network says outside the field of view reaches no mask."""
    inside = seen.prepared.inside != 0
    zero = np.float32(0)
    return Worst(name, np.where(inside, expected, zero), np.where(inside, found, zero))


def flips(seen: Seen, one: Probability, other: Probability, threshold: float) -> float:
    """Share of the field of view's pixels, at the photograph's own size, whose mask differs."""
    changed = cv2.bitwise_xor(seen.mask(one, threshold), seen.mask(other, threshold))
    return cv2.countNonZero(changed) / max(1, cv2.countNonZero(seen.fov.mask))
