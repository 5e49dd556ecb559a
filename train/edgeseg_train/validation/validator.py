"""Validation of a network on photographs at their original size, at the best threshold."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from edgeseg.datasets import DataSet, Pair
from edgeseg.evaluation.metrics import BINS, ThresholdCurve, threshold_curve
from edgeseg.imaging.arrays import Mask, Probability
from edgeseg.postprocess import resize_to_photo
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import Prepared, prepare, resize_coverage_to_input
from edgeseg_train.network.resunet import normalise_photo
from edgeseg_train.training.distributed import count_photo_threads
from edgeseg_train.training.losses import total_loss


@dataclass(frozen=True, eq=False)
class CachedPair:
    """Validation photograph, prepared at one working size.

    Attributes:
        data_set: name of the data set.
        prepared: network input, its position in the photograph and the detected field of view.
        small_truth: (size, size) uint8, vessel share of each pixel at the working size, for the
            loss.
        truth: (H, W) uint8 {0, 255} at the photograph's original size.
        published_fov: (H, W) uint8 {0, 255}, field of view in which pixels are scored; None for
            the whole frame.
    """

    data_set: str
    prepared: Prepared
    small_truth: Mask
    truth: Mask
    published_fov: Mask | None


@dataclass(frozen=True)
class ValidationScores:
    """Scores of a network on validation photographs at one threshold.

    Attributes:
        threshold: threshold with the highest `dice`.
        dice: mean over data sets of the mean over photographs.
        iou: IoU, averaged in the same way.
        loss: mean over photographs, at the working size.
        per_set: Dice per data set.
    """

    threshold: float
    dice: float
    iou: float
    loss: float
    per_set: dict[str, float]


def cache_pairs(
    data_sets: Sequence[DataSet], config: PreprocessingConfig, size: int
) -> tuple[CachedPair, ...]:
    """Load and preprocess all validation photographs at one working size.

    Args:
        data_sets: validation data sets.
        config: preprocessing; its `size` is not used.
        size: working size in pixels.
    """
    config = replace(config, size=size)
    with ThreadPoolExecutor(count_photo_threads()) as pool:
        futures = [
            pool.submit(_cache_pair, data_set.name, pair, config)
            for data_set in data_sets
            for pair in data_set.pairs
        ]
    return tuple(future.result() for future in futures)


def _cache_pair(data_set: str, pair: Pair, config: PreprocessingConfig) -> CachedPair:
    loaded = pair.load()
    prepared = prepare(loaded.photo, config, pair.name)
    small_truth = resize_coverage_to_input(loaded.truth, prepared.placement)
    return CachedPair(data_set, prepared, small_truth, loaded.truth, loaded.fov)


def validate_network(
    network: nn.Module,
    pairs: Sequence[CachedPair],
    config: PreprocessingConfig,
    device: torch.device,
) -> ValidationScores:
    """Score a network by the native protocol of `edgeseg evaluate`, at the best threshold.

    Every data set has the same weight, so that a large one does not determine the threshold.

    Args:
        network: network on `device`.
        pairs: photographs at one working size.
        config: preprocessing.
        device: device of the network.
    """
    losses, futures = [], []
    # A GPU is much faster than the scoring of its results, which runs in threads.
    with ThreadPoolExecutor(count_photo_threads()) as pool:
        for pair in pairs:
            logits = _compute_logits(network, pair, config, device)
            losses.append(_compute_loss(logits, pair))
            futures.append(pool.submit(_compute_curve, logits.sigmoid()[0, 0].numpy(), pair))
    curves: dict[str, list[npt.NDArray[np.float64]]] = {}
    for pair, future in zip(pairs, futures, strict=True):
        curves.setdefault(pair.data_set, []).append(future.result().dice_at())
    set_curves = {name: np.mean(set_dice, axis=0) for name, set_dice in curves.items()}
    mean_curve = np.mean(list(set_curves.values()), axis=0)
    best = int(mean_curve.argmax())
    set_iou = [_mean_iou(np.array(set_dice)[:, best]) for set_dice in curves.values()]
    return ValidationScores(
        threshold=best / BINS,
        dice=float(mean_curve[best]),
        iou=float(np.mean(set_iou)),
        loss=float(np.mean(losses)),
        per_set={name: float(curve[best]) for name, curve in set_curves.items()},
    )


@torch.inference_mode()
def _compute_logits(
    network: nn.Module, pair: CachedPair, config: PreprocessingConfig, device: torch.device
) -> Tensor:
    """Return logits (1, 1, size, size) float32 on the CPU."""
    photo = torch.from_numpy(pair.prepared.tensor).to(device).permute(0, 3, 1, 2).float() / 255
    logits: Tensor = network(normalise_photo(photo, config))
    return logits.float().cpu()


def _compute_loss(logits: Tensor, pair: CachedPair) -> float:
    truth, inside = (
        torch.from_numpy(mask)[None, None].float() / 255
        for mask in (pair.small_truth, pair.prepared.inside)
    )
    return float(total_loss(logits, truth, inside))


def _mean_iou(dice: npt.NDArray[np.float64]) -> float:
    return float(np.mean(dice / (2 - dice)))


def _compute_curve(probability: Probability, pair: CachedPair) -> ThresholdCurve:
    resized = resize_to_photo(probability, pair.prepared.placement, pair.prepared.fov.mask)
    return threshold_curve(resized, pair.truth, pair.published_fov)
