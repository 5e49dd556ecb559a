"""Validation during training, and selection of weights and thresholds after the last step.

Networks are scored at the original size of the photographs, with the best threshold.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from operator import itemgetter

import click
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
from edgeseg_train.checkpoint import Checkpoint, WorkingSize
from edgeseg_train.data.loading import load_pair, resize_ignored
from edgeseg_train.data.low_resolution import reduce_data_sets
from edgeseg_train.network.resunet import normalise_photo
from edgeseg_train.training.compute import count_photo_threads
from edgeseg_train.training.losses import LossWeights, total_loss

# Shares of the trained weights in the interpolation with the weights of `--start`. The share 0
# keeps the weights of `--start`. Interpolated weights often generalise better to other cameras than
# the weights of both networks (WiSE-FT; Wortsman et al. 2022, "Robust fine-tuning of zero-shot
# models").
INTERPOLATION_WEIGHTS = (1.0, 0.75, 0.5, 0.25, 0.0)


@dataclass(frozen=True, eq=False)
class CachedPair:
    """Validation photograph, prepared at one working size.

    Attributes:
        data_set: name of the data set.
        prepared: network input with its position in the photograph and the detected field of view.
        small_truth: (size, size) uint8, vessel share of each pixel at the working size, for the
            loss.
        truth: (H, W) uint8 {0, 255} at the photograph's original size.
        counted: (H, W) uint8 {0, 255}, scored pixels (the published field of view without ignored
            pixels); None for the whole frame.
        ignored: (size, size) uint8 {0, 255}, pixels without a label; None if all pixels have a
            label.
        notes: information for the user about the mask.
    """

    data_set: str
    prepared: Prepared
    small_truth: Mask
    truth: Mask
    counted: Mask | None
    ignored: Mask | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ValidationScores:
    """Scores of a network on validation photographs at one threshold.

    Attributes:
        threshold: threshold with the highest `dice`.
        dice: mean Dice over the photographs of each data set, averaged over the data sets.
        iou: mean IoU, computed like `dice`.
        loss: mean loss over photographs, at the working size.
        per_set: mean Dice per data set.
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
        config: preprocessing; the key `size` is not used.
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
    loaded = load_pair(pair)
    prepared = prepare(loaded.photo, config, pair.name)
    small_truth = resize_coverage_to_input(loaded.truth, prepared.placement)
    ignored = resize_ignored(loaded.ignored, prepared)
    return CachedPair(
        data_set, prepared, small_truth, loaded.truth, loaded.counted, ignored, loaded.notes
    )


def validate_network(
    network: nn.Module,
    pairs: Sequence[CachedPair],
    config: PreprocessingConfig,
    device: torch.device,
    loss_weights: LossWeights = LossWeights(),
) -> ValidationScores:
    """Score a network with the native protocol of `edgeseg evaluate` at the best threshold.

    Every data set has the same weight. Otherwise the largest data set would determine the
    threshold.

    Args:
        network: network on `device`.
        pairs: photographs at one working size.
        config: preprocessing.
        device: device of the network.
        loss_weights: weights of the terms of the loss.
    """
    losses, futures = [], []
    # On a GPU, scoring takes much longer than the network. Therefore, it runs in threads.
    with ThreadPoolExecutor(count_photo_threads()) as pool:
        for pair in pairs:
            logits = _compute_logits(network, pair, config, device)
            losses.append(_compute_loss(logits, pair, loss_weights))
            futures.append(pool.submit(_compute_curve, logits.sigmoid()[0, 0].numpy(), pair))
    curves: dict[str, list[npt.NDArray[np.float64]]] = {}
    for pair, future in zip(pairs, futures, strict=True):
        curves.setdefault(pair.data_set, []).append(future.result().dice_at())
    mean_curves = {name: np.mean(own_curves, axis=0) for name, own_curves in curves.items()}
    mean_curve = np.mean(list(mean_curves.values()), axis=0)
    best = int(mean_curve.argmax())
    set_dice = [np.array(own_curves)[:, best] for own_curves in curves.values()]
    set_iou = [np.mean(dice / (2 - dice)) for dice in set_dice]
    return ValidationScores(
        threshold=best / BINS,
        dice=float(mean_curve[best]),
        iou=float(np.mean(set_iou)),
        loss=float(np.mean(losses)),
        per_set={name: float(curve[best]) for name, curve in mean_curves.items()},
    )


@torch.inference_mode()
def _compute_logits(
    network: nn.Module, pair: CachedPair, config: PreprocessingConfig, device: torch.device
) -> Tensor:
    """Return the logits on the CPU, (1, 1, size, size) float32."""
    photo = torch.from_numpy(pair.prepared.tensor).to(device).permute(0, 3, 1, 2).float() / 255
    logits: Tensor = network(normalise_photo(photo, config))
    return logits.float().cpu()


def _compute_loss(logits: Tensor, pair: CachedPair, weights: LossWeights) -> float:
    inside = pair.prepared.inside
    if pair.ignored is not None:
        inside = inside & ~pair.ignored
    truth, counted = (
        torch.from_numpy(mask)[None, None].float() / 255 for mask in (pair.small_truth, inside)
    )
    return float(total_loss(logits, truth, counted, weights))


def _compute_curve(probability: Probability, pair: CachedPair) -> ThresholdCurve:
    return threshold_curve(
        resize_to_photo(probability, pair.prepared.placement, pair.prepared.fov.mask),
        pair.truth,
        pair.counted,
    )


def select_best(
    trained: Checkpoint,
    start_weights: Mapping[str, Tensor] | None,
    validation: list[DataSet],
    first_pairs: Sequence[CachedPair],
    device: torch.device,
) -> Checkpoint:
    """Select the weights and a threshold for each working size, and print the validation Dice.

    Args:
        trained: checkpoint with the best weights of the run.
        start_weights: weights at the start of the run; None for random weights.
        validation: validation data sets.
        first_pairs: validation photographs at the first working size.
        device: device for the network.

    Returns:
        Checkpoint with the best interpolated weights, thresholds and validation Dice.
    """
    pairs = _cache_all_sizes(trained, validation, first_pairs)
    if start_weights is None:
        best = choose_thresholds(trained, pairs, device)
    else:
        best = _select_interpolation(trained, start_weights, pairs, device)
    for size in best.sizes:
        scores = best.evidence[size.name]
        per_set = _format_scores({key: dice for key, dice in scores.items() if key != "mean"})
        click.echo(
            f"{size.name} ({size.size} pixels): threshold {size.threshold:.3f}, "
            f"validation Dice {scores['mean']:.4f} ({per_set})",
            err=True,
        )
    return best


def _select_interpolation(
    trained: Checkpoint,
    start_weights: Mapping[str, Tensor],
    pairs: Sequence[Sequence[CachedPair]],
    device: torch.device,
) -> Checkpoint:
    click.echo("Validation Dice of interpolated weights:", err=True)
    candidates = []
    for share in INTERPOLATION_WEIGHTS:
        candidate = choose_thresholds(
            interpolate_weights(trained, start_weights, share), pairs, device
        )
        means = {name: scores["mean"] for name, scores in candidate.evidence.items()}
        click.echo(f"{share:.0%} trained weights: {_format_scores(means)}", err=True)
        candidates.append((float(np.mean(list(means.values()))), share, candidate))
    _, share, best = max(candidates, key=itemgetter(0))
    click.echo(
        f"Selected: {share:.0%} trained weights and {1 - share:.0%} weights of --start.", err=True
    )
    return best


def interpolate_weights(
    trained: Checkpoint, start_weights: Mapping[str, Tensor], share: float
) -> Checkpoint:
    """Interpolate linearly between start weights (share 0) and trained weights (share 1)."""
    weights = dict(trained.weights)
    for name, weight in trained.weights.items():
        if weight.is_floating_point():
            weights[name] = torch.lerp(start_weights[name], weight, share)
    return replace(trained, weights=weights)


def choose_thresholds(
    checkpoint: Checkpoint, pairs: Sequence[Sequence[CachedPair]], device: torch.device
) -> Checkpoint:
    """Choose the threshold with the best validation Dice for each working size.

    Args:
        checkpoint: checkpoint to validate.
        pairs: validation photographs for each working size of the checkpoint.
        device: device for the network.

    Returns:
        Checkpoint with thresholds and validation Dice.
    """
    network = checkpoint.network().to(device)
    sizes = []
    evidence = {}
    for size, size_pairs in zip(checkpoint.sizes, pairs, strict=True):
        scores = validate_network(network, size_pairs, checkpoint.preprocessing, device)
        sizes.append(WorkingSize(size.name, size.size, scores.threshold))
        evidence[size.name] = {"mean": scores.dice, **scores.per_set}
    return replace(checkpoint, sizes=tuple(sizes), evidence=evidence)


def _cache_all_sizes(
    checkpoint: Checkpoint, validation: list[DataSet], first_pairs: Sequence[CachedPair]
) -> list[Sequence[CachedPair]]:
    """Cache original and low-resolution photographs at each working size.

    Observers mark more pixels in low-resolution photographs. If a threshold is chosen only on the
    originals, thin vessels in low-resolution photographs are missed.
    """
    config = checkpoint.preprocessing
    low_resolution = reduce_data_sets(validation)
    pairs: list[Sequence[CachedPair]] = []
    for size in checkpoint.sizes:
        originals = first_pairs if not pairs else cache_pairs(validation, config, size.size)
        pairs.append((*originals, *cache_pairs(low_resolution, config, size.size)))
    return pairs


def _format_scores(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {dice:.4f}" for name, dice in scores.items())
