"""What is converted: our own checkpoint, a bare state dict of the family, or a third party's network."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn

from edgeseg.errors import ModelError, UsageError, one_line
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg_export.output_spec import FIRST_LOGIT, OutputSpec
from edgeseg_train.checkpoint import (
    FORMAT,
    Checkpoint,
    TrainingData,
    WorkingSize,
    load_checkpoint,
    read_tensors,
)
from edgeseg_train.network.complexity import count_gmac, count_parameters
from edgeseg_train.network.resunet import ARCHITECTURES, architecture_by_name, build_network

WRAPPINGS = ("state_dict", "model_state_dict", "model", "network")
"""Keys under which people keep a state dict."""


@dataclass(frozen=True, eq=False)
class SourceNetwork:
    """A network and what is known of it.

    Attributes:
        network: (1, 3, size, size) float32, normalised -> what `reading` says; evaluation mode, FP32, CPU.
        architecture: its name.
        preprocessing: how a photograph becomes its input.
        sizes: working sizes with their thresholds.
        reading: of its output.
        training_data: what it was trained on; empty where nobody says.
        evidence: validation Dice per working size and data set.
    """

    network: nn.Module
    architecture: str
    preprocessing: PreprocessingConfig
    sizes: tuple[WorkingSize, ...]
    reading: OutputSpec = FIRST_LOGIT
    training_data: tuple[TrainingData, ...] = ()
    evidence: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Of the network."""
        return count_parameters(self.network)

    def gmac(self, size: int) -> float | None:
        """Of one photograph at a working size; None where a third party's network cannot be followed."""
        try:
            return round(count_gmac(self.network, size), 3)
        except (
            Exception
        ):  # a network that makes tensors of its own, on no `meta` device, raises anything
            return None


@dataclass(frozen=True)
class SourceOptions:
    """What the command line says of a checkpoint, None where it says nothing.

    Attributes:
        arch: a member of the family, `module:factory` or `file.py:factory`.
        preprocessing: a preset's name or a TOML file.
        size: working size in pixels.
        output: `[INDEX:]logit|probability`.
    """

    arch: str | None = None
    preprocessing: str | None = None
    size: int | None = None
    output: str | None = None


def open_source(file: Path, wanted: SourceOptions) -> SourceNetwork:
    """The network of a checkpoint file.

    Raises:
        ModelError: the file is damaged, needs a pickle, or does not fit the architecture.
        UsageError: it needs an option that was not given, or one was given that does not apply.
    """
    plain = read_tensors(file)
    if plain.get("format") == FORMAT and "architecture" in plain:
        return _ours(file, wanted)
    if wanted.arch is None:
        members = ", ".join(ARCHITECTURES)
        raise UsageError(
            f"{file}: does not say what network it is; give --arch (one of {members}, or file.py:factory)"
        )
    how = _preprocessing(wanted, file)
    reading = OutputSpec.parse(wanted.output) if wanted.output else FIRST_LOGIT
    network = (
        _made(wanted.arch)
        if ":" in wanted.arch
        else build_network(architecture_by_name(wanted.arch))
    )
    _fill(network, _state_dict(plain, file), file, wanted.arch)
    return SourceNetwork(network, wanted.arch, how, (WorkingSize("default", how.size),), reading)


def of_checkpoint(trained: Checkpoint) -> SourceNetwork:
    """Our own checkpoint says all by itself."""
    return SourceNetwork(
        network=trained.network(),
        architecture=trained.architecture.name,
        preprocessing=trained.preprocessing,
        sizes=trained.sizes,
        training_data=trained.training_data,
        evidence=trained.evidence,
    )


def _ours(file: Path, wanted: SourceOptions) -> SourceNetwork:
    said = {
        "--arch": wanted.arch,
        "--output": wanted.output,
        "--preprocessing": wanted.preprocessing,
    }
    for option, value in said.items():
        if value is not None:
            raise UsageError(f"{option} {value}: {file} says so itself; leave it out")
    trained = load_checkpoint(file)
    source = of_checkpoint(trained)
    if wanted.size is None:
        return source
    if wanted.size % trained.architecture.multiple:
        raise UsageError(
            f"--size {wanted.size}: must be a multiple of {trained.architecture.multiple}"
        )
    asked = wanted.size
    nearest = min(trained.sizes, key=lambda size: abs(size.size - asked))
    # What it scored at another size says nothing of this one.
    return replace(source, sizes=(WorkingSize("default", asked, nearest.threshold),), evidence={})


def _preprocessing(wanted: SourceOptions, file: Path) -> PreprocessingConfig:
    """Of a network that does not carry its own."""
    if wanted.preprocessing is None:
        raise UsageError(
            f"{file}: does not say how it is fed; give --preprocessing (edge, reference, or a TOML file)"
        )
    if wanted.preprocessing in ("edge", "reference"):
        return preprocessing_preset(
            cast("Literal['edge', 'reference']", wanted.preprocessing), wanted.size
        )
    return read_preprocessing(Path(wanted.preprocessing), wanted.size)


def read_preprocessing(file: Path, size: int | None = None) -> PreprocessingConfig:
    """A TOML file with the keys of `PreprocessingConfig`.

    Raises:
        ModelError: it cannot be read, or a key is unknown or makes no sense; the message names the file.
    """
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415
    else:
        import tomli as tomllib  # noqa: PLC0415

    try:
        values: dict[str, object] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file}: cannot be read as TOML ({one_line(error)})") from error
    try:
        return PreprocessingConfig.from_dict(values | ({"size": size} if size is not None else {}))
    except ModelError as error:
        raise ModelError(f"{file}: {error}") from error


def _made(place: str) -> nn.Module:
    """The network that `module:factory` or `file.py:factory` returns; the working directory is importable."""
    where, _, name = place.rpartition(":")
    factory = getattr(_module(where), name, None)
    if not callable(factory):
        raise UsageError(f"--arch {place}: {where} has no function {name}")
    try:
        network = cast("Callable[[], object]", factory)()
    except Exception as error:  # the user's own code may raise anything
        raise UsageError(
            f"--arch {place}: {name}() failed ({type(error).__name__}: {one_line(error)})"
        ) from error
    if not isinstance(network, nn.Module):
        raise UsageError(
            f"--arch {place}: {name}() returned a {type(network).__name__}, expected a torch.nn.Module"
        )
    return network


def _module(where: str) -> object:
    file = Path(where).resolve() if where.endswith(".py") else None
    folder = file.parent if file else Path.cwd()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        return _of_file(file) if file else importlib.import_module(where)
    except Exception as error:  # the user's own code may raise anything
        raise UsageError(
            f"--arch: {where} cannot be imported ({type(error).__name__}: {one_line(error)})"
        ) from error


def _of_file(file: Path) -> object:
    """This very file, whatever else is called like it: `code.py`, `types.py` and `onnx.py` are loaded already."""
    name = file.stem if file.stem not in sys.modules else f"edgeseg_arch_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # as an import does: a dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


def _state_dict(plain: Mapping[str, object], file: Path) -> dict[str, Tensor]:
    """The weights, out of what they are wrapped in."""
    inner: object = next(
        (plain[key] for key in WRAPPINGS if isinstance(plain.get(key), Mapping)), plain
    )
    weights = cast("Mapping[str, object]", inner)
    if not weights or not all(isinstance(weight, Tensor) for weight in weights.values()):
        raise ModelError(f"{file}: holds no state dict; save model.state_dict() with torch.save")
    return cast("dict[str, Tensor]", dict(weights))


def _fill(network: nn.Module, weights: dict[str, Tensor], file: Path, arch: str) -> None:
    """Load the weights, strictly.

    Raises:
        ModelError: names what is missing and what is left over, or a shape that differs, or a NaN.
    """
    wanted = network.state_dict()
    if not wanted.keys() & weights.keys():  # a network may have a part of the prefix's name itself
        weights = _without_prefix(weights, wanted.keys())
    # BatchNorm's counter of steps is not used here, and old checkpoints lack it.
    missing = [
        name for name in wanted if name not in weights and not name.endswith("num_batches_tracked")
    ]
    left_over = [name for name in weights if name not in wanted]
    if missing or left_over:
        said = [f"missing {_few(missing)}"] * bool(missing) + [
            f"left over {_few(left_over)}"
        ] * bool(left_over)
        raise ModelError(f"{file}: does not fit '{arch}': {'; '.join(said)}")
    for name, weight in weights.items():
        if weight.shape != wanted[name].shape:
            have, want = tuple(weight.shape), tuple(wanted[name].shape)
            raise ModelError(
                f"{file}: does not fit '{arch}': {name[:80]!r} is {have}, expected {want}"
            )
        if weight.is_floating_point() and not bool(weight.isfinite().all()):
            raise ModelError(f"{file}: {name[:80]!r} holds NaN or infinity")
    network.load_state_dict({name: weights.get(name, wanted[name]) for name in wanted})
    network.to("cpu", torch.float32).eval()


def _without_prefix(weights: dict[str, Tensor], wanted: AbstractSet[str]) -> dict[str, Tensor]:
    """Wrappers put names before all weights: DataParallel `module.`, torch.compile `_orig_mod.`, Lightning `model.`."""
    parts = next(iter(weights)).split(".")
    for prefix in (".".join(parts[:number]) + "." for number in range(1, len(parts))):
        stripped = {
            name.removeprefix(prefix): weight
            for name, weight in weights.items()
            if name.startswith(prefix)
        }
        if len(stripped) == len(weights) and wanted & stripped.keys():
            return stripped
    return weights


def _few(names: list[str]) -> str:
    shown = ", ".join(name[:80] for name in names[:4])
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown
