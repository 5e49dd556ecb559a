"""Find the tensors that fit a network in a checkpoint of any training program."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

# Parts of names that DataParallel and torch.compile insert.
WRAPPER_PARTS = ("module", "_orig_mod")

# BatchNorm's step counters are not used in evaluation mode, and old checkpoints do not contain
# them.
COUNTER = "num_batches_tracked"

MAX_DEPTH = 4


@dataclass(frozen=True)
class TensorSet:
    """Mapping with tensors in a checkpoint.

    Attributes:
        path: keys of the mapping in the checkpoint.
        tensors: dict from name to tensor.
    """

    path: tuple[str, ...]
    tensors: dict[str, Tensor]


@dataclass(frozen=True)
class WeightsFit:
    """Set of tensors with every weight of a network.

    Attributes:
        label: keys and prefix of the weights for `--weights`; `.` if there is neither.
        prefix: prefix of the names in the file.
        weights: dict from name in the network to tensor.
        left_over: names of the other tensors.
    """

    label: str
    prefix: str
    weights: dict[str, Tensor]
    left_over: tuple[str, ...]


def list_fits(checkpoint: Mapping[str, object], expected: Mapping[str, Tensor]) -> list[WeightsFit]:
    """List the sets of tensors that contain every weight of a network.

    Args:
        checkpoint: contents of the file.
        expected: state dict of the network.
    """
    fits: list[WeightsFit] = []
    for tensor_set in list_tensor_sets(checkpoint):
        fits += _list_set_fits(tensor_set, expected)
    if not fits:  # a network that was saved in parts, such as encoder and decoder
        for tensor_set in _join_parts(checkpoint, ()):
            fits += _list_set_fits(tensor_set, expected)
    return fits


def list_tensor_sets(
    value: Mapping[str, object], path: tuple[str, ...] = ()
) -> Iterator[TensorSet]:
    """List every mapping with tensors, outer mappings first."""
    tensors = {str(name): entry for name, entry in value.items() if isinstance(entry, Tensor)}
    if tensors:
        yield TensorSet(path, tensors)
    if len(path) == MAX_DEPTH:
        return
    for key, entry in value.items():
        if isinstance(entry, Mapping):
            yield from list_tensor_sets(entry, (*path, str(key)))


def _join_parts(value: Mapping[str, object], path: tuple[str, ...]) -> Iterator[TensorSet]:
    """List the unions of a mapping's tensor sets, with and without the keys as prefixes."""
    by_name: dict[str, Tensor] = {}
    by_key: dict[str, Tensor] = {}
    count = 0
    for key, entry in value.items():
        if not isinstance(entry, Mapping):
            continue
        if len(path) < MAX_DEPTH:
            yield from _join_parts(entry, (*path, str(key)))
        for name, tensor in entry.items():
            if isinstance(tensor, Tensor):
                count += 1
                by_name[str(name)] = tensor
                by_key[f"{key}.{name}"] = tensor
    if count == len(by_name):  # no name occurs in two mappings
        yield TensorSet(path, by_name)
    yield TensorSet(path, by_key)


def strip_wrappers(name: str) -> str:
    """Return a weight's name without the parts that wrappers insert."""
    return ".".join(part for part in name.split(".") if part not in WRAPPER_PARTS)


def _list_set_fits(tensor_set: TensorSet, expected: Mapping[str, Tensor]) -> Iterator[WeightsFit]:
    """List the prefixes under which a set contains every weight of the network."""
    sources = {strip_wrappers(name): name for name in tensor_set.tensors}
    required = [strip_wrappers(name) for name in expected if COUNTER not in name]
    for prefix, missing_prefix in _list_prefixes(sources, required):
        fit = _match_weights(tensor_set, sources, expected, (prefix, missing_prefix))
        if fit is not None:
            yield fit


def _match_weights(
    tensor_set: TensorSet,
    sources: Mapping[str, str],
    expected: Mapping[str, Tensor],
    prefixes: tuple[str, str],
) -> WeightsFit | None:
    """Match tensors with a network's weights.

    Return None if a tensor is missing or has another shape.

    Args:
        tensor_set: tensors.
        sources: dict from the name without wrappers to the name in the file.
        expected: state dict of the network.
        prefixes: prefix of the names in the file, and prefix of the network's names.
    """
    prefix, missing_prefix = prefixes
    weights: dict[str, Tensor] = {}
    left_over = dict(sources)
    for name, own in expected.items():
        plain = prefix + strip_wrappers(name).removeprefix(missing_prefix)
        source = sources.get(plain)
        if source is None and COUNTER in name:
            continue
        if source is None or tensor_set.tensors[source].shape != own.shape:
            return None
        weights[name] = tensor_set.tensors[source]
        left_over.pop(plain, None)
    names = []
    for plain in left_over:
        if not plain.endswith(COUNTER):
            names.append(plain.removeprefix(prefix))
    label = "/".join((*tensor_set.path, prefix.rstrip("."))).rstrip("/") or "."
    return WeightsFit(label, prefix, weights, tuple(names))


def _list_prefixes(names: Mapping[str, str], required: Sequence[str]) -> Iterator[tuple[str, str]]:
    """List pairs of tensor name prefixes: one that only the file has, and one of the network."""
    first = required[0] if required else ""
    parts = first.split(".")
    for number in range(len(parts)):
        missing_prefix = "".join(f"{part}." for part in parts[:number])
        if not all(name.startswith(missing_prefix) for name in required):
            return
        rest = first.removeprefix(missing_prefix)
        matches = [name for name in names if name == rest or name.endswith(f".{rest}")]
        for name in matches:
            yield name.removesuffix(rest), missing_prefix
        if matches:
            return
