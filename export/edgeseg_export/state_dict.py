"""Find the weights of a network in a checkpoint of another library's trainer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from torch import Tensor, nn

from edgeseg.errors import ModelError, UsageError, one_line
from edgeseg_train.checkpoint import check_weight_types

# Parts of a name that wrappers insert: DataParallel, torch.compile.
WRAPPER_PARTS = ("module", "_orig_mod")

# Values beside the weights that no forward pass uses: counters of FLOP libraries, the average's
# counter, losses, metrics, and buffers for the normalization of the photograph.
UNUSED_NAMES = (
    *("total_ops", "*.total_ops", "total_params", "*.total_params", "n_averaged", "mask_values"),
    *("criterion.*", "loss*.*", "*_loss.*", "*metric*.*", "mean", "std", "pixel_mean", "pixel_std"),
)
MAX_DEPTH = 4


@dataclass(frozen=True)
class WeightsFit:
    """A set of tensors that contains every weight of a network.

    Attributes:
        label: keys and prefix of the weights, as `--weights` selects them; `.` for neither.
        prefix: prefix of their names in the file.
        weights: tensors by the network's names.
        left_over: names of the other tensors.
    """

    label: str
    prefix: str
    weights: dict[str, Tensor]
    left_over: tuple[str, ...]


def load_weights(
    network: nn.Module,
    checkpoint: Mapping[str, object],
    file: Path,
    arch: str,
    weights: str | None = None,
    ignored: Sequence[str] = (),
) -> str:
    """Load a network's weights and set it to evaluation mode, FP32 on the CPU.

    Args:
        network: network whose weights are replaced.
        checkpoint: contents of the file.
        file: checkpoint file, for messages.
        arch: architecture, for messages.
        weights: label of the weights among several that fit.
        ignored: patterns of names that may be left over.

    Returns:
        A note about what was ignored; "" if nothing was.

    Raises:
        ModelError: the weights are missing, ambiguous, of another shape, or not finite; the
            message names the file.
    """
    expected = network.state_dict()
    fits = [fit for found in _list_tensors(checkpoint) for fit in _list_fits(*found, expected)]
    if weights is not None:
        fits = [fit for fit in fits if fit.label == weights]
    complete = [fit for fit in fits if not _list_unknown(fit, expected, ignored)]
    chosen = complete or fits
    if len(chosen) > 1:
        raise ModelError(
            f"{file}: several sets of weights fit '{arch}': "
            f"{', '.join(fit.label for fit in chosen)}. "
            f"Select one, such as --weights {chosen[-1].label}."
        )
    if not chosen and weights is not None:
        raise UsageError(
            f"--weights {weights}: {file} contains no weights of this name that fit '{arch}'"
        )
    if not chosen:
        raise ModelError(_explain_misfit(network, checkpoint, file, arch))
    fit = chosen[0]
    if unknown := _list_unknown(fit, expected, ignored):
        raise ModelError(
            f"{file}: does not fit '{arch}': the network has no {_shorten(unknown)}. "
            f"If it does not need them, give --ignore-keys '{unknown[0].partition('.')[0]}*'."
        )
    try:
        check_weight_types(fit.weights, expected)
    except ModelError as error:
        raise ModelError(f"{file}: {error}") from error
    _check_finite(fit.weights, file)
    # BatchNorm's step counters are not used here, and old checkpoints lack them.
    counters = {name: expected[name] for name in expected if name not in fit.weights}
    network.load_state_dict(counters | fit.weights)
    network.to("cpu", torch.float32).eval()
    return f"ignored {_shorten(fit.left_over)}" if fit.left_over else ""


def _list_tensors(
    value: Mapping[str, object], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, Tensor]]]:
    """List every mapping with tensors, with the keys that lead to it."""
    tensors = {str(name): entry for name, entry in value.items() if isinstance(entry, Tensor)}
    if tensors:
        yield path, tensors
    if len(path) < MAX_DEPTH:
        for key, entry in value.items():
            if isinstance(entry, Mapping):
                yield from _list_tensors(entry, (*path, str(key)))


def _list_fits(
    path: tuple[str, ...], tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> Iterator[WeightsFit]:
    """List the prefixes under which tensors contain every weight of the network."""
    plain = {_strip_wrappers(name): name for name in tensors}
    names = {name: _strip_wrappers(name) for name in expected}
    required = {name: text for name, text in names.items() if "num_batches_tracked" not in name}
    for prefix, missing_prefix in _list_prefixes(plain, list(required.values())):
        mapping = {
            name: plain.get(prefix + text.removeprefix(missing_prefix), "")
            for name, text in names.items()
        }
        weights = {name: tensors[source] for name, source in mapping.items() if source}
        if required.keys() <= weights.keys() and all(
            weight.shape == expected[name].shape for name, weight in weights.items()
        ):
            used = set(mapping.values())
            left_over = tuple(
                name.removeprefix(prefix)
                for name, source in plain.items()
                if source not in used and not name.endswith("num_batches_tracked")
            )
            label = "/".join((*path, prefix.rstrip("."))).rstrip("/") or "."
            yield WeightsFit(label, prefix, weights, left_over)


def _list_prefixes(names: Mapping[str, str], required: Sequence[str]) -> Iterator[tuple[str, str]]:
    """List pairs of a prefix that only the file has and a prefix that only the network has."""
    first = required[0] if required else ""
    parts = first.split(".")
    for number in range(len(parts)):
        missing_prefix = "".join(f"{part}." for part in parts[:number])
        rest = first.removeprefix(missing_prefix)
        if all(text.startswith(missing_prefix) for text in required):
            matches = [name for name in names if name == rest or name.endswith(f".{rest}")]
            yield from ((name.removesuffix(rest), missing_prefix) for name in matches)
            if matches:
                return


def _strip_wrappers(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in WRAPPER_PARTS)


def _list_unknown(
    fit: WeightsFit, expected: Iterable[str], ignored: Sequence[str]
) -> tuple[str, ...]:
    """List left-over names that may be weights: those in a part that the network has.

    Under a prefix, names of other parts are a trainer's own: losses, metrics, another copy.
    """
    parts = {_strip_wrappers(name).partition(".")[0] for name in expected}
    unknown = []
    for name in fit.left_over:
        is_unused = any(fnmatchcase(name, pattern) for pattern in (*UNUSED_NAMES, *ignored))
        if not is_unused and (not fit.prefix or name.partition(".")[0] in parts):
            unknown.append(name)
    return tuple(unknown)


def _check_finite(weights: Mapping[str, Tensor], file: Path) -> None:
    for name, weight in weights.items():
        if weight.is_floating_point() and not bool(weight.isfinite().all()):
            raise ModelError(f"{file}: {name[:80]!r} contains NaN or infinity")


def _explain_misfit(
    network: nn.Module, checkpoint: Mapping[str, object], file: Path, arch: str
) -> str:
    """Explain why no tensors fit, for the set that shares most names with the network."""
    keys = _shorten([str(key) for key in checkpoint])
    expected = network.state_dict()
    best: dict[str, Tensor] = {}
    best_common = 0
    for _, tensors in _list_tensors(checkpoint):
        plain = {_strip_wrappers(name): weight for name, weight in tensors.items()}
        for candidate in (tensors, plain, *_remove_first_parts(plain)):
            common = len(candidate.keys() & expected.keys())
            if common > best_common or not best:
                best, best_common = candidate, common
    if not best:
        return (
            f"{file}: contains no state dict (it contains {keys}). "
            "Save model.state_dict() with torch.save."
        )
    counters = {name: expected[name] for name in expected if "num_batches_tracked" in name}
    try:
        network.load_state_dict(counters | best)
    except RuntimeError as error:
        return f"{file}: does not fit '{arch}' ({one_line(error)}). The file contains {keys}."
    return f"{file}: does not fit '{arch}'. The file contains {keys}."


def _remove_first_parts(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    first = next(iter(tensors)).split(".")
    for number in range(1, len(first)):
        prefix = ".".join(first[:number]) + "."
        yield {name.removeprefix(prefix): weight for name, weight in tensors.items()}


def _shorten(names: Sequence[str]) -> str:
    printable = ["".join(filter(str.isprintable, name))[:60] for name in names[:4]]
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(printable) + more
