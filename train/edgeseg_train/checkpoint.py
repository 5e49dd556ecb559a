"""A checkpoint carries what is needed to rebuild and feed the network, and what is known of it. No pickle runs."""

from __future__ import annotations

import io
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from edgeseg.errors import ModelError, one_line
from edgeseg.preprocessing.config import SIZE_RANGE, PreprocessingConfig
from edgeseg.system.files import write_atomically
from edgeseg_train.network.resunet import Architecture, ResUNet, build_network

FORMAT = 1


@dataclass(frozen=True)
class WorkingSize:
    """A working size in pixels, its name (`default`, `detail`, ...) and its threshold."""

    name: str
    size: int
    threshold: float = 0.5

    def __post_init__(self) -> None:
        # The name becomes a part of a file's name: one from an untrusted checkpoint must not leave the folder.
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", self.name):
            raise ModelError(
                f"working size {self.name[:40]!r}: a name is made of letters, digits, - and _"
            )
        least, most = SIZE_RANGE
        if (
            not isinstance(self.size, int)
            or not least <= self.size <= most
            or not 0 <= self.threshold <= 1
        ):
            raise ModelError(
                f"working size {self.size}, threshold {self.threshold}: must be {least} to {most} and 0 to 1"
            )


@dataclass(frozen=True)
class TrainingData:
    """A data set that the weights carry."""

    name: str
    photographs: int
    licence: str

    def __post_init__(self) -> None:
        if not (
            isinstance(self.name, str)
            and isinstance(self.photographs, int)
            and isinstance(self.licence, str)
        ):
            raise ModelError("training data: not a name, a number of photographs and a licence")


@dataclass(frozen=True)
class Checkpoint:
    """A trained network.

    Attributes:
        architecture: to rebuild the network.
        weights: its state dict.
        preprocessing: to feed it (its `size` is the first working size).
        sizes: working sizes with their thresholds.
        training_data: what it was trained on, with licences.
        evidence: validation Dice per working size and data set.
    """

    architecture: Architecture
    weights: Mapping[str, Tensor]
    preprocessing: PreprocessingConfig
    sizes: tuple[WorkingSize, ...]
    training_data: tuple[TrainingData, ...]
    evidence: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def network(self) -> ResUNet:
        """The network with these weights, in evaluation mode, FP32 on the CPU.

        Raises:
            ModelError: the weights do not fit the architecture.
        """
        check_fit(self.architecture, self.weights)
        network = build_network(self.architecture)
        network.load_state_dict(dict(self.weights))
        return network.eval()


def save_checkpoint(checkpoint: Checkpoint, file: Path) -> None:
    """Write it whole or not at all."""
    plain = {
        "format": FORMAT,
        "architecture": checkpoint.architecture.to_dict(),
        "weights": {
            name: weight.detach().cpu().contiguous() for name, weight in checkpoint.weights.items()
        },
        "preprocessing": checkpoint.preprocessing.to_dict(),
        "sizes": [asdict(size) for size in checkpoint.sizes],
        "training_data": [asdict(data) for data in checkpoint.training_data],
        "evidence": {name: dict(scores) for name, scores in checkpoint.evidence.items()},
    }
    write_tensors(plain, file)


def load_checkpoint(file: Path) -> Checkpoint:
    """Read one of our checkpoints.

    Raises:
        ModelError: it is missing, damaged, needs a pickle, or is not ours; the message names the file.
    """
    plain = read_tensors(file)
    try:
        return _from_plain(plain)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError) as error:
        reason = f"no entry {error}" if isinstance(error, KeyError) else one_line(error)
        raise ModelError(f"{file}: not a checkpoint of `edgeseg train` ({reason})") from error
    except ModelError as error:
        raise ModelError(f"{file}: {error}") from error


def _from_plain(plain: Mapping[str, object]) -> Checkpoint:
    if plain["format"] != FORMAT:
        raise ModelError(f"checkpoint format {plain['format']!r}; this edgeseg reads {FORMAT}")
    # The casts state what the constructors below then check by unpacking; a misfit raises TypeError there.
    architecture = dict(cast("Mapping[str, object]", plain["architecture"]))
    architecture["widths"] = tuple(cast("list[int]", architecture["widths"]))
    weights = cast("Mapping[str, Tensor]", plain["weights"])
    if not all(isinstance(weight, Tensor) for weight in weights.values()):
        raise TypeError("weights hold something that is no tensor")
    member = Architecture(**architecture)  # type: ignore[arg-type]
    check_fit(member, weights)
    if not all(bool(weight.isfinite().all()) for weight in weights.values()):
        raise ModelError("a weight is NaN or infinite; train again from an earlier checkpoint")
    evidence = cast("Mapping[str, Mapping[str, float]]", plain["evidence"])
    return Checkpoint(
        architecture=member,
        weights=weights,
        preprocessing=PreprocessingConfig.from_dict(
            cast("Mapping[str, object]", plain["preprocessing"])
        ),
        sizes=_sizes(cast("list[dict[str, object]]", plain["sizes"]), member),
        training_data=tuple(
            TrainingData(**d)  # type: ignore[arg-type]
            for d in cast("list[dict[str, object]]", plain["training_data"])
        ),
        evidence={
            name: {key: float(dice) for key, dice in scores.items()}
            for name, scores in evidence.items()
        },
    )


def _sizes(plain: list[dict[str, object]], architecture: Architecture) -> tuple[WorkingSize, ...]:
    sizes = tuple(WorkingSize(**size) for size in plain)  # type: ignore[arg-type]
    if not sizes or len({size.name for size in sizes}) < len(sizes):
        raise ModelError("it lists no working size, or two of one name")
    for size in sizes:
        if size.size % architecture.multiple:
            raise ModelError(
                f"working size {size.size}: not a multiple of {architecture.multiple} pixels"
            )
    return sizes


def check_fit(architecture: Architecture, weights: Mapping[str, Tensor]) -> None:
    """Names and shapes of a state dict against an architecture, before either takes memory.

    Raises:
        ModelError: a weight is missing, of another shape, or not known there.
    """
    with torch.device("meta"):
        wanted = build_network(architecture).state_dict()
    for name in sorted(wanted.keys() | weights.keys()):
        have, want = (tuple(w[name].shape) if name in w else "none" for w in (weights, wanted))
        if have != want:
            raise ModelError(
                f"the weights do not fit '{architecture.name}': {name[:80]!r} is {have}, expected {want}"
            )


def write_tensors(plain: Mapping[str, object], file: Path) -> None:
    """Tensors and plain values to a file, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(dict(plain), buffer)
    write_atomically(file, buffer.getvalue())


def read_tensors(file: Path) -> dict[str, object]:
    """Tensors and plain values from an untrusted file; nothing in it is executed (`weights_only`)."""
    if not file.is_file():
        raise ModelError(f"{file}: there is no such checkpoint")
    try:
        _check_sums(file)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # about odd pickles; a refusal says all that a user needs
            plain = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{file}: damaged, or needs code from a pickle to load, which is refused; save its state_dict() instead"
        ) from error
    except Exception as error:  # damaged bytes bring up nearly any
        said = (
            f"{type(error).__name__} {one_line(error).partition('. ')[0]}".strip()
        )  # then advice that is none here
        raise ModelError(f"{file}: damaged or not a checkpoint ({said})") from error
    if not isinstance(plain, dict):
        raise ModelError(f"{file}: holds a {type(plain).__name__}, not a checkpoint")
    return plain


def _check_sums(file: Path) -> None:
    """`torch.load` takes flipped bytes for weights: it does not look at the sums that its archive holds.

    Raises:
        zipfile.BadZipFile: a part is not what was written; its message names the part.
        pickle.UnpicklingError: it holds a program.
    """
    if not zipfile.is_zipfile(file):  # the format of old, without sums
        return
    with zipfile.ZipFile(file) as archive:
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            raise pickle.UnpicklingError("TorchScript: a program")
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise zipfile.BadZipFile("compressed, which PyTorch does not write")
        if (part := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {part!r}")
