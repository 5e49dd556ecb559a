"""Load a network's weights from a checkpoint of another training program."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from torch import Tensor, nn

from edgeseg.errors import ModelError, UsageError, one_line
from edgeseg_export.weights_search import (
    COUNTER,
    WeightsFit,
    list_fits,
    list_tensor_sets,
    strip_wrappers,
)
from edgeseg_train.checkpoint import check_weight_types

# Names of entries that the forward pass does not use, such as counters of FLOP libraries, counters
# of averaged weights, losses, metrics and normalization buffers.
UNUSED_NAMES = (
    *("total_ops", "*.total_ops", "total_params", "*.total_params", "n_averaged", "mask_values"),
    *("criterion.*", "loss*.*", "*_loss.*", "*metric*.*", "mean", "std", "pixel_mean", "pixel_std"),
)


def load_weights(
    network: nn.Module,
    checkpoint: Mapping[str, object],
    file: Path,
    arch: str,
    weights: str | None = None,
    ignored: Sequence[str] = (),
) -> str:
    """Load a network's weights, and set the network to evaluation mode in FP32 on the CPU.

    Args:
        network: network to change.
        checkpoint: contents of the file.
        file: checkpoint file, for error messages.
        arch: architecture, for error messages.
        weights: label of the weights if several sets fit.
        ignored: patterns of names that are not required to match.

    Returns:
        A note about ignored entries; "" if there are none.

    Raises:
        ModelError: The weights are missing, ambiguous or not finite, or have another shape. The
            message contains the file name.
    """
    expected = network.state_dict()
    fits = list_fits(checkpoint, expected)
    if not fits:
        raise ModelError(_explain_misfit(network, checkpoint, file, arch))
    fit = _select_fit(fits, expected, weights, ignored, f"{file}: several sets fit '{arch}'")
    if unknown := _list_unknown(fit, expected, ignored):
        patterns = dict.fromkeys(f"--ignore-keys '{name.partition('.')[0]}*'" for name in unknown)
        raise ModelError(
            f"{file}: does not fit '{arch}': the network has no {_shorten(unknown)}. "
            f"If the network does not require these names, give {' '.join(patterns)}."
        )
    try:
        check_weight_types(fit.weights, expected)
    except ModelError as error:
        raise ModelError(f"{file}: {error}") from error
    _check_finite(fit.weights, file)
    counters = {name: expected[name] for name in expected if name not in fit.weights}
    network.load_state_dict(counters | fit.weights)
    network.to("cpu", torch.float32).eval()
    return f"ignored {_shorten(fit.left_over)}" if fit.left_over else ""


def _select_fit(
    fits: Sequence[WeightsFit],
    expected: Iterable[str],
    label: str | None,
    ignored: Sequence[str],
    problem: str,
) -> WeightsFit:
    """Select the only set, the set with this label, or the only set without unknown names.

    Raises:
        ModelError: Several sets fit.
        UsageError: No set has this label.
    """
    labels = ", ".join(fit.label for fit in fits)
    if label is not None:
        for fit in fits:
            if fit.label == label:
                return fit
        raise UsageError(f"--weights {label}: not among the sets that fit. Choose from {labels}.")
    complete = [fit for fit in fits if not _list_unknown(fit, expected, ignored)]
    chosen = complete or fits
    if len(chosen) > 1:
        labels = ", ".join(fit.label for fit in chosen)
        raise ModelError(f"{problem}: {labels}. Select one: --weights {chosen[-1].label}.")
    return chosen[0]


def _list_unknown(
    fit: WeightsFit, expected: Iterable[str], ignored: Sequence[str]
) -> tuple[str, ...]:
    """List the remaining names that may be weights.

    A name may be a weight if it begins with the name of a part of the network. Other names belong
    to the training program, such as losses, metrics or another copy.
    """
    parts = {strip_wrappers(name).partition(".")[0] for name in expected}
    unknown = []
    for name in fit.left_over:
        is_unused = any(fnmatchcase(name, pattern) for pattern in (*UNUSED_NAMES, *ignored))
        if not is_unused and (not fit.prefix or name.partition(".")[0] in parts):
            unknown.append(name)
    return tuple(unknown)


def _check_finite(weights: Mapping[str, Tensor], file: Path) -> None:
    for name, weight in weights.items():
        if weight.is_floating_point() and not bool(weight.isfinite().all()):
            raise ModelError(
                f"{file}: {name[:80]!r} contains NaN or infinity. Use another checkpoint."
            )


def _explain_misfit(
    network: nn.Module, checkpoint: Mapping[str, object], file: Path, arch: str
) -> str:
    """Explain why no tensors fit.

    The message describes the set that contains most names of the network.
    """
    keys = _shorten([str(key) for key in checkpoint])
    expected = network.state_dict()
    best: dict[str, Tensor] = {}
    most_common = -1
    for candidate in _list_candidates(checkpoint):
        common = len(candidate.keys() & expected.keys())
        if common > most_common:
            best, most_common = candidate, common
    if not best:
        return (
            f"{file}: contains no state dict (it contains {keys}). "
            "Save model.state_dict() with torch.save."
        )
    counters = {name: expected[name] for name in expected if COUNTER in name}
    detail = ""
    try:
        network.load_state_dict(counters | best)
    except RuntimeError as error:
        detail = f" ({one_line(error)})"
    return f"{file}: does not fit '{arch}'{detail}. The file contains {keys}."


def _list_candidates(checkpoint: Mapping[str, object]) -> Iterator[dict[str, Tensor]]:
    """List variants of each tensor set: as stored, without wrappers, without leading name parts."""
    for tensor_set in list_tensor_sets(checkpoint):
        yield tensor_set.tensors
        plain = {strip_wrappers(name): weight for name, weight in tensor_set.tensors.items()}
        yield plain
        first = next(iter(plain)).split(".")
        for number in range(1, len(first)):
            prefix = ".".join(first[:number]) + "."
            yield {name.removeprefix(prefix): weight for name, weight in plain.items()}


def _shorten(names: Sequence[str]) -> str:
    printable = ["".join(filter(str.isprintable, name))[:60] for name in names[:4]]
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(printable) + more
