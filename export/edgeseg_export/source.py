"""Open the network to convert: edgeseg checkpoint, bare state dict, or third-party code."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast, get_args

import msgspec
from torch import nn

from edgeseg.errors import ModelError, UsageError, one_line
from edgeseg.preprocessing.config import PreprocessingConfig, PresetName, preprocessing_preset
from edgeseg.system.regular_files import read_regular_file
from edgeseg_export.input_channels import InputChannels
from edgeseg_export.output_spec import ONLY_LOGIT, OutputSpec
from edgeseg_export.safetensors import read_safetensors
from edgeseg_export.state_dict import load_weights
from edgeseg_export.third_party import call_factory
from edgeseg_train.checkpoint import (
    Checkpoint,
    TrainingData,
    WorkingSize,
    load_checkpoint,
)
from edgeseg_train.network.resunet import (
    ARCHITECTURES,
    architecture_by_name,
    build_network,
    count_gmac,
)
from edgeseg_train.tensor_file import read_tensors


@dataclass(frozen=True, eq=False)
class SourceNetwork:
    """Network and its metadata.

    Attributes:
        network: function from normalized (1, C, size, size) float32 to one or more maps. The
            network is in evaluation mode, in FP32 and on the CPU.
        architecture: name of the architecture, or of its factory.
        preprocessing: configuration of the network's input.
        sizes: working sizes with their thresholds.
        output: vessel output of the network.
        input_channels: channels of the network's input.
        training_data: data sets used for training; empty if unknown.
        evidence: validation Dice per working size and data set.
        note: ignored entries of the checkpoint; "" if there are none.
        is_third_party: whether the checkpoint was not written by `edgeseg train`.
    """

    network: nn.Module
    architecture: str
    preprocessing: PreprocessingConfig
    sizes: tuple[WorkingSize, ...]
    output: OutputSpec = ONLY_LOGIT
    input_channels: InputChannels = "rgb"
    training_data: tuple[TrainingData, ...] = ()
    evidence: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    note: str = ""
    is_third_party: bool = False

    def compute_gmac(self, size: int) -> float | None:
        """Return the GMACs per image at a working size; None if they cannot be counted."""
        try:
            return round(count_gmac(self.network, size), 3)
        except Exception:  # third-party code may not support the `meta` device
            return None


@dataclass(frozen=True)
class SourceOptions:
    """Command-line options that describe a checkpoint. Options that are not given are None.

    Attributes:
        arch: architecture name, `module:factory` or `file.py:factory`.
        preprocessing: name of a preset, or a TOML file.
        size: working size in pixels.
        output: `[OUTPUT:]KIND[:CHANNEL]`.
        input_channels: channels of the network's input.
        weights: label of the weights if several sets fit.
        ignored_keys: patterns of names that the network does not require.
    """

    arch: str | None = None
    preprocessing: str | None = None
    size: int | None = None
    output: str | None = None
    input_channels: InputChannels | None = None
    weights: str | None = None
    ignored_keys: tuple[str, ...] = ()


def open_source(file: Path, options: SourceOptions) -> SourceNetwork:
    """Open the network of a checkpoint file.

    Raises:
        ModelError: The file is damaged, contains a pickle, or does not fit the architecture.
        UsageError: A required option is missing, or an option does not apply.
    """
    checkpoint = read_safetensors(file) if file.suffix == ".safetensors" else read_tensors(file)
    if "format" in checkpoint and "architecture" in checkpoint:
        return _open_own_checkpoint(file, options)
    if options.arch is None:
        raise UsageError(
            f"{file}: unknown architecture. "
            f"Give --arch ({', '.join(ARCHITECTURES)}, or file.py:factory)."
        )
    preprocessing = _select_preprocessing(options, file)
    output = OutputSpec.parse(options.output) if options.output else ONLY_LOGIT
    if ":" in options.arch:
        network = call_factory(options.arch)
    else:
        network = build_network(architecture_by_name(options.arch))
    note = load_weights(
        network, checkpoint, file, options.arch, options.weights, options.ignored_keys
    )
    # If a checkpoint contains several sets of weights, each set is a separate model.
    architecture = options.arch + (f" ({options.weights})" if options.weights else "")
    size = WorkingSize("default", preprocessing.size)
    return SourceNetwork(
        network=network,
        architecture=architecture,
        preprocessing=preprocessing,
        sizes=(size,),
        output=output,
        input_channels=options.input_channels or "rgb",
        note=note,
        is_third_party=True,
    )


def source_from_checkpoint(checkpoint: Checkpoint) -> SourceNetwork:
    """Return the network and the metadata of an edgeseg checkpoint."""
    return SourceNetwork(
        network=checkpoint.network(),
        architecture=checkpoint.architecture.name,
        preprocessing=checkpoint.preprocessing,
        sizes=checkpoint.sizes,
        training_data=checkpoint.training_data,
        evidence=checkpoint.evidence,
    )


def _open_own_checkpoint(file: Path, options: SourceOptions) -> SourceNetwork:
    inapplicable = {
        "--arch": options.arch,
        "--output": options.output,
        "--input-channels": options.input_channels,
        "--preprocessing": options.preprocessing,
        "--weights": options.weights,
        "--ignore-keys": ", ".join(options.ignored_keys) or None,
    }
    for option, value in inapplicable.items():
        if value is not None:
            raise UsageError(
                f"{option} {value}: {file} already contains this setting. Omit the option."
            )
    checkpoint = load_checkpoint(file)
    source = source_from_checkpoint(checkpoint)
    if (size := options.size) is None:
        return source
    multiple = checkpoint.architecture.multiple
    if size % multiple:
        raise UsageError(f"--size {size}: must be a multiple of {multiple}")
    nearest = min(checkpoint.sizes, key=lambda working: abs(working.size - size))
    # The stored Dice is not valid, because it was measured at another size.
    return replace(source, sizes=(WorkingSize("default", size, nearest.threshold),), evidence={})


def _select_preprocessing(options: SourceOptions, file: Path) -> PreprocessingConfig:
    """Return the preprocessing of --preprocessing, for a checkpoint that contains none."""
    preprocessing = options.preprocessing
    if preprocessing is None:
        raise UsageError(
            f"{file}: unknown preprocessing. "
            "Give --preprocessing (edge, reference, or a TOML file)."
        )
    if preprocessing in get_args(PresetName):
        return preprocessing_preset(cast("PresetName", preprocessing), options.size)
    return read_preprocessing(Path(preprocessing), options.size)


def read_preprocessing(file: Path, size: int | None = None) -> PreprocessingConfig:
    """Read a TOML file with the keys of `PreprocessingConfig`.

    Args:
        file: TOML file.
        size: working size that replaces the size in the file.

    Raises:
        ModelError: The file cannot be read, or a key is unknown or invalid; the message contains
            the file name.
    """
    try:
        values = msgspec.toml.decode(read_regular_file(file), type=dict[str, object])
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{file}: cannot be read as TOML ({one_line(error)}). Correct the file."
        ) from error
    if size is not None:
        values["size"] = size
    try:
        return PreprocessingConfig.from_dict(values)
    except ModelError as error:
        raise ModelError(f"{file}: {error}") from error
