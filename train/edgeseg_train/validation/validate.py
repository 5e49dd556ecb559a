"""Validation photographs at their own size: Dice for every threshold, and the threshold to keep."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from edgeseg.datasets import DataSet, Pair
from edgeseg.evaluation.metrics import BINS, ThresholdCurve, threshold_curve
from edgeseg.imaging.arrays import Mask, Probability
from edgeseg.postprocess import resize_to_photo
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import Prepared, prepare, resize_coverage_to_input
from edgeseg_train.training.compute import photograph_threads
from edgeseg_train.training.losses import total_loss


@dataclass(frozen=True, eq=False)
class CachedPair:
    """A validation photograph, ready at one working size.

    Attributes:
        data_set: the set's name.
        ready: the network's input and the way back.
        small_truth: (size, size) uint8 at the working size, the share of a pixel that is vessel, for the loss.
        truth: (H, W) uint8 {0, 255} at the photograph's own size.
        found_fov: (H, W) uint8 {0, 255}, as preprocessing found it.
        counted: where pixels count: the published field of view, None for the whole frame.
    """

    data_set: str
    ready: Prepared
    small_truth: Mask
    truth: Mask
    found_fov: Mask
    counted: Mask | None


@dataclass(frozen=True)
class ValidationScores:
    """Dice of a network on validation photographs, at one threshold.

    Attributes:
        threshold: the best over `dice` below.
        dice: mean over data sets of the mean over photographs.
        iou: the same of IoU.
        loss: mean over photographs, at the working size.
        per_set: Dice per data set.
    """

    threshold: float
    dice: float
    iou: float
    loss: float
    per_set: dict[str, float]


def cache_pairs(
    data_sets: Sequence[DataSet], how: PreprocessingConfig, size: int
) -> tuple[CachedPair, ...]:
    """Load validation photographs once."""
    how = replace(how, size=size)
    pairs = [(data_set.name, pair) for data_set in data_sets for pair in data_set.pairs]
    with ThreadPoolExecutor(photograph_threads()) as pool:
        return tuple(pool.map(lambda item: _held(item[0], item[1], how), pairs))


def _held(data_set: str, pair: Pair, how: PreprocessingConfig) -> CachedPair:
    loaded = pair.load()
    ready = prepare(loaded.photo, how, pair.name)
    small = resize_coverage_to_input(loaded.truth, ready.placement)
    return CachedPair(data_set, ready, small, loaded.truth, ready.fov.mask, loaded.fov)


def validate(
    network: nn.Module, held: Sequence[CachedPair], how: PreprocessingConfig, device: torch.device
) -> ValidationScores:
    """Native protocol of `edgeseg evaluate`, at the threshold that serves these photographs best.

    Every data set counts the same, so that a set of many photographs does not choose the threshold alone.
    """
    curves: dict[str, list[ThresholdCurve]] = {}
    with ThreadPoolExecutor(
        photograph_threads()
    ) as pool:  # a GPU is done long before its photographs are counted
        waiting, losses = [], []
        for item in held:
            logits = _logits(network, item, how, device)
            losses.append(_loss(logits, item))
            waiting.append(pool.submit(_curve, logits.sigmoid()[0, 0].numpy(), item))
        for item, counted in zip(held, waiting, strict=True):
            curves.setdefault(item.data_set, []).append(counted.result())
    by_threshold = {
        name: np.mean([c.dice_at() for c in own], axis=0) for name, own in curves.items()
    }
    mean = np.mean(list(by_threshold.values()), axis=0)
    best = int(mean.argmax())
    per_set = {name: float(dice[best]) for name, dice in by_threshold.items()}
    iou = [np.mean([_iou(c.dice_at()[best]) for c in own]) for own in curves.values()]
    return ValidationScores(
        best / BINS, float(mean[best]), float(np.mean(iou)), float(np.mean(losses)), per_set
    )


@torch.inference_mode()
def _logits(
    network: nn.Module, item: CachedPair, how: PreprocessingConfig, device: torch.device
) -> Tensor:
    """(1, 1, size, size) float32, on the CPU."""
    photo = torch.from_numpy(item.ready.tensor).to(device).permute(0, 3, 1, 2).float() / 255
    logits: Tensor = network(normalise(photo, how))
    return logits.float().cpu()


def _loss(logits: Tensor, item: CachedPair) -> float:
    truth, inside = (
        torch.from_numpy(m)[None, None].float() / 255 for m in (item.small_truth, item.ready.inside)
    )
    return float(total_loss(logits, truth, inside))


def _curve(probability: Probability, item: CachedPair) -> ThresholdCurve:
    at_own_size = resize_to_photo(probability, item.ready.placement, item.found_fov)
    return threshold_curve(at_own_size, item.truth, item.counted)


def normalise(photo: Tensor, how: PreprocessingConfig) -> Tensor:
    """(N, 3, H, W) of 0 to 1 -> (photo - mean) / std, per channel."""
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1).to(photo.device, non_blocking=True)
        for v in (how.mean, how.std)
    )
    return (photo - mean) / std


def _iou(dice: float) -> float:
    return dice / (2 - dice)
