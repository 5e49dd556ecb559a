"""Checkpoint file: weights, and all data that is required to rebuild and use the network.

Checkpoint files are untrusted and are checked before use.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from edgeseg.datasets import LICENCES, DataSet, Pair
from edgeseg.errors import ModelError, one_line
from edgeseg.preprocessing.config import SIZE_RANGE, PreprocessingConfig
from edgeseg_train.network.resunet import Architecture, ResUNet, build_network
from edgeseg_train.tensor_file import read_tensors, write_tensors

FORMAT = 1
MAX_ENTRIES = 16
MAX_TEXT_LENGTH = 1000


class WorkingSize(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Working size with its threshold.

    Attributes:
        name: name such as `default` or `detail`: letters, digits, - and _.
        size: side of the network input in pixels.
        threshold: vessel probability threshold.
    """

    name: str
    size: int
    threshold: float = 0.5

    def __post_init__(self) -> None:
        # The name becomes part of a file name and must not contain a path.
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", self.name):
            raise ModelError(
                f"working size {self.name[:40]!r}: only letters, digits, - and _ are allowed"
            )
        low, high = SIZE_RANGE
        if not low <= self.size <= high:
            raise ModelError(f"working size {self.size}: must be {low} to {high} pixels")
        if not 0 <= self.threshold <= 1:
            raise ModelError(f"working size {self.name}: threshold must be 0 to 1")


class TrainingData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Data set used for training.

    Attributes:
        name: name of the data set.
        photographs: number of photographs.
        licence: licence of the data set.
    """

    name: str
    photographs: int
    licence: str


@dataclass(frozen=True)
class Checkpoint:
    """Trained network.

    Attributes:
        architecture: architecture of the network.
        weights: state dict of the network.
        preprocessing: preprocessing of photographs, at the first working size.
        sizes: working sizes with their thresholds.
        training_data: data sets used for training.
        evidence: validation Dice per working size and data set.
    """

    architecture: Architecture
    weights: Mapping[str, Tensor]
    preprocessing: PreprocessingConfig
    sizes: tuple[WorkingSize, ...]
    training_data: tuple[TrainingData, ...]
    evidence: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def network(self) -> ResUNet:
        """Build the network with these weights, in evaluation mode and FP32 on the CPU.

        Raises:
            ModelError: The weights do not fit the architecture.
        """
        check_fit(self.architecture, self.weights)
        network = build_network(self.architecture)
        network.load_state_dict(dict(self.weights))
        return network.eval()


def save_checkpoint(checkpoint: Checkpoint, file: Path) -> None:
    """Write a checkpoint atomically."""
    contents = {
        "format": FORMAT,
        "architecture": checkpoint.architecture.to_dict(),
        "weights": {
            name: weight.detach().cpu().contiguous() for name, weight in checkpoint.weights.items()
        },
        "preprocessing": checkpoint.preprocessing.to_dict(),
        "sizes": list(msgspec.to_builtins(checkpoint.sizes)),
        "training_data": list(msgspec.to_builtins(checkpoint.training_data)),
        "evidence": msgspec.to_builtins(checkpoint.evidence),
    }
    write_tensors(contents, file)


def load_checkpoint(file: Path) -> Checkpoint:
    """Read a checkpoint of `edgeseg train`.

    Raises:
        ModelError: The file is missing or damaged, or contains a pickle or other data. The message
            contains the file name.
    """
    plain = read_tensors(file)
    try:
        return _parse_checkpoint(plain)
    except ModelError as error:
        raise ModelError(f"{file}: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        # msgspec raises AttributeError for a tensor in place of a mapping
        raise ModelError(
            f"{file}: not a checkpoint of `edgeseg train` ({one_line(error)}). Give a best.pt file."
        ) from error


def _parse_checkpoint(plain: Mapping[str, object]) -> Checkpoint:
    version = plain.get("format")
    if type(version) is not int or version != FORMAT:
        shown = version if type(version) is int else type(version).__name__
        raise ModelError(f"checkpoint format {shown}; this version of edgeseg reads {FORMAT}")
    preprocessing = PreprocessingConfig.from_dict(
        msgspec.convert(plain["preprocessing"], dict[str, object])
    )
    checkpoint = msgspec.convert({**plain, "preprocessing": preprocessing}, Checkpoint)
    architecture = checkpoint.architecture
    check_fit(architecture, checkpoint.weights)
    if not all(bool(weight.isfinite().all()) for weight in checkpoint.weights.values()):
        raise ModelError("a weight is NaN or infinite. Train again from an earlier checkpoint.")
    _check_metadata(checkpoint)
    sizes = checkpoint.sizes
    if not sizes or len({size.name for size in sizes}) < len(sizes):
        raise ModelError("no working size, or two with the same name")
    for size in sizes:
        if size.size % architecture.multiple:
            raise ModelError(
                f"working size {size.size}: not a multiple of {architecture.multiple} pixels"
            )
    return checkpoint


def _check_metadata(checkpoint: Checkpoint) -> None:
    """Check the number of metadata entries, and the length and range of their values.

    Raises:
        ModelError: There are too many entries, a text is not one short line, or a Dice is not
            between 0 and 1.
    """
    counts = (len(checkpoint.sizes), len(checkpoint.training_data), len(checkpoint.evidence))
    if max(counts) > MAX_ENTRIES:
        raise ModelError(f"more than {MAX_ENTRIES} working sizes, data sets or evidence entries")
    texts = [checkpoint.architecture.name, *checkpoint.evidence]
    for data in checkpoint.training_data:
        texts += [data.name, data.licence]
        if data.photographs < 0:
            raise ModelError(f"training data: invalid number of photographs ({data.photographs})")
    for scores in checkpoint.evidence.values():
        texts += scores
        if len(scores) > MAX_ENTRIES or not all(0 <= dice <= 1 for dice in scores.values()):
            raise ModelError("evidence: too many data sets, or a Dice that is not 0 to 1")
    for text in texts:
        if not text.isprintable() or len(text) > MAX_TEXT_LENGTH:
            raise ModelError(f"text is too long or not a single line: {text[:60]!r}")


def merge_training_data(
    earlier: Sequence[TrainingData], data_sets: Sequence[DataSet]
) -> tuple[TrainingData, ...]:
    """Combine the training data of the start weights and of the run.

    The licences of all training data apply to the weights. A photograph that is given several times
    is counted once. The photographs of the start weights can be the same as those of the run.
    Therefore, the larger number is recorded for each name.
    """
    merged = {data.name: data for data in earlier}
    pairs: dict[str, set[Pair]] = {}
    for data_set in data_sets:
        pairs.setdefault(data_set.name, set()).update(data_set.pairs)
    for name, distinct in pairs.items():
        photographs = len(distinct)
        if name in merged:
            photographs = max(photographs, merged[name].photographs)
        licence = LICENCES.get(name, LICENCES["pairs"])
        merged[name] = TrainingData(name, photographs, licence)
    return tuple(merged.values())


def check_fit(architecture: Architecture, weights: Mapping[str, Tensor]) -> None:
    """Check the names and shapes of a state dict, without allocating memory.

    Raises:
        ModelError: A weight is missing, unknown or has a different shape.
    """
    with torch.device("meta"):
        network = build_network(architecture)
    expected = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    for name in sorted(expected.keys() | shapes.keys()):
        if shapes.get(name) != expected.get(name):
            raise ModelError(
                f"the weights do not fit '{architecture.name}': shape of {name[:80]!r} is "
                f"{shapes.get(name, 'none')}, expected {expected.get(name, 'none')}"
            )
    check_weight_types(weights, network.state_dict())


def check_weight_types(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Check that tensors are dense, weights are real numbers, and counters are integers.

    PyTorch silently converts other types.

    Args:
        weights: state dict to check.
        expected: state dict of the network; names that are not in `weights` are ignored.

    Raises:
        ModelError: A weight is complex, boolean, an integer, quantized or sparse.
    """
    for name in expected.keys() & weights.keys():
        weight = weights[name]
        matches = weight.dtype == expected[name].dtype
        if expected[name].is_floating_point():
            matches = weight.is_floating_point()
        if not matches or weight.layout != torch.strided:
            raise ModelError(f"weight {name[:80]!r} has the type {weight.dtype}, {weight.layout}")
