"""Selection and activation of the vessel map among the outputs of a network."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from edgeseg.errors import ModelError
from edgeseg_export.output_spec import OutputSpec

# Accepted ratios of the photograph's size to the map's size. SegFormer has the ratio 4.
RESIZE_FACTORS = (1, 2, 4, 8)
MAX_LISTED = 8


class SizeError(ModelError):
    """The network does not support the working size."""


@dataclass(frozen=True, eq=False)
class NetworkOutput:
    """One tensor of a network's outputs.

    Attributes:
        index: index among all tensors, counted from 0.
        name: key or attribute of the tensor, or its index in a list.
        tensor: output of the network.
        factor: size of the photograph divided by the size of the map; None if the tensor is not a
            map.
    """

    index: int
    name: str
    tensor: Tensor
    factor: int | None

    def __str__(self) -> str:
        name = "" if self.name == str(self.index) else f" {self.name!r}"
        return f"{self.index}{name} {tuple(map(int, self.tensor.shape))}"


def select_map(outputs: object, spec: OutputSpec, frame: Sequence[int]) -> tuple[Tensor, int]:
    """Select the vessel map and resize it to the photograph.

    Args:
        outputs: a tensor, or a (nested) list, tuple, mapping or data class of tensors.
        spec: vessel output.
        frame: height and width of the photograph at the working size.

    Returns:
        (1, C, height, width) map of all channels before its activation, and the factor by which
        it was enlarged.

    Raises:
        SizeError: No map matches the photograph's size.
        ModelError: The output does not exist, is ambiguous, or has several channels.
    """
    height, width = map(int, frame)
    found = list_outputs(outputs, (height, width))
    output = _select_output(found, spec, type(outputs).__name__)
    if output.factor is None:
        maps = [other for other in found if other.factor is not None]
        text = (
            f"output {output} is not a map of {height}x{width} pixels, nor of a half, a quarter or "
            "an eighth of this size."
        )
        if maps:
            advice = f"The network returns {_list(found)}. Give --output {_suggest(maps[0])}."
            raise ModelError(f"--output {spec}: {text} {advice}")
        raise SizeError(f"the network's {text}")
    channels_first = _to_channels_first(output.tensor, width // output.factor)
    _check_channel(channels_first, spec, output)
    if output.factor > 1:
        channels_first = functional.interpolate(
            channels_first, scale_factor=output.factor, mode="bilinear", align_corners=False
        )
    return channels_first, output.factor


def activate(channels: Tensor, spec: OutputSpec) -> Tensor:
    """Compute the vessel probability from the result of `select_map`.

    Args:
        channels: (1, C, H, W) map before its activation.
        spec: vessel output.

    Returns:
        (1, H, W) probability.
    """
    count = int(channels.shape[1])
    channel = select_channel(count, spec)
    vessels = channels.squeeze(1) if count == 1 else channels[:, channel]
    if spec.kind == "probability":
        return vessels
    if spec.kind == "logit":
        return torch.sigmoid(vessels)
    if count == 2:  # equal to a softmax, with fewer operations
        return torch.sigmoid(vessels - channels[:, 1 - channel])
    return torch.softmax(channels, 1)[:, channel]


def select_channel(count: int, spec: OutputSpec) -> int:
    """Return the index of the vessel channel, counted from 0."""
    channel = spec.channel
    if channel is None:
        channel = count - 1  # the only channel, or the second of two classes
    return channel % count


def list_outputs(outputs: object, frame: tuple[int, int]) -> list[NetworkOutput]:
    """List the tensors that a network returns, in order."""
    found: list[NetworkOutput] = []
    for name, tensor in _walk_outputs(outputs, ""):
        factor = _measure_factor(tensor, frame)
        found.append(NetworkOutput(len(found), name or "0", tensor, factor))
    return found


def _walk_outputs(value: object, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
        return
    for key, child in _list_children(value):
        yield from _walk_outputs(child, f"{name}.{key}" if name else key)


def _list_children(value: object) -> list[tuple[str, object]]:
    """List the named parts of a container. Return an empty list for any other value."""
    if isinstance(value, Mapping):
        return [(str(key), child) for key, child in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a named tuple
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, (list, tuple)):
        return [(str(index), child) for index, child in enumerate(value)]
    if dataclasses.is_dataclass(value):
        return list(vars(value).items())
    return []


def _measure_factor(tensor: Tensor, frame: tuple[int, int]) -> int | None:
    """Return the ratio of the photograph's size to the map's size, or None if it is not a map."""
    shape = tuple(map(int, tensor.shape))
    for factor in RESIZE_FACTORS:
        size = (frame[0] // factor, frame[1] // factor)
        if frame != (size[0] * factor, size[1] * factor):
            continue
        is_batch = len(shape) == 4 and shape[0] == 1
        if is_batch and (shape[2:] == size or (shape[1:3] == size and shape[3] == 1)):
            return factor
        if len(shape) in (2, 3) and shape[-2:] == size:
            return factor
    return None


def _to_channels_first(tensor: Tensor, width: int) -> Tensor:
    """Return a map (H, W), (C, H, W), (1, H, W, 1) or (1, C, H, W) as (1, C, H, W)."""
    if tensor.dim() == 2:
        return tensor.unsqueeze(0).unsqueeze(0)
    if tensor.dim() == 3:
        return tensor.unsqueeze(0)
    if int(tensor.shape[3]) != width:
        return tensor.permute(0, 3, 1, 2)
    return tensor


def _select_output(
    found: Sequence[NetworkOutput], spec: OutputSpec, returned: str
) -> NetworkOutput:
    if not found:
        raise ModelError(f"the network returns a {returned} without tensors. Return a vessel map.")
    maps = [output for output in found if output.factor is not None]
    if spec.output is None:
        if len(maps) > 1:
            raise ModelError(_describe_choice(found, maps))
        return (maps or list(found))[0]
    for output in found:
        if spec.output in (output.index, output.index - len(found), output.name):
            return output
    raise ModelError(
        f"--output {spec}: the network has {len(found)} outputs: {_list(found)}. Give the "
        "index or name of an output and logit, probability or softmax, such as --output "
        f"{_suggest(maps[0] if maps else found[0])}."
    )


def _describe_choice(found: Sequence[NetworkOutput], maps: Sequence[NetworkOutput]) -> str:
    """Describe several maps. The example is the first of the largest maps."""
    sizes = [output.factor or 0 for output in maps]
    largest = maps[sizes.index(min(sizes))]
    text = f"the network returns {len(found)} outputs: {_list(found)}. "
    if sizes.count(min(sizes)) == 1:
        largest_text = f"Only output {largest.index} has the largest size"
        return f"{text}{largest_text}: give --output {_suggest(largest)}."
    return f"{text}Select the vessel map, for example with --output {_suggest(largest)}."


def _list(outputs: Sequence[NetworkOutput]) -> str:
    listed = ", ".join(map(str, outputs[:MAX_LISTED]))
    return f"{listed}, ..." if len(outputs) > MAX_LISTED else listed


def _suggest(output: NetworkOutput) -> str:
    """Return a value of `--output` that selects this map."""
    name = output.name if not output.name.isdecimal() else output.index
    shape = output.tensor.shape
    channels = int(shape[-3]) if len(shape) > 2 else 1
    if channels == 1 or int(shape[-1]) == 1:
        return f"{name}:logit"
    return f"{name}:softmax:1"


def _check_channel(channels: Tensor, spec: OutputSpec, output: NetworkOutput) -> None:
    """Check that the vessel channel exists and is not ambiguous.

    Raises:
        ModelError: The channel is missing or must be given.
    """
    count = int(channels.shape[1])
    name = output.index if spec.output is None else spec.output
    is_missing = spec.channel is not None and not -count <= spec.channel < count
    if count == 1 and (is_missing or spec.kind == "softmax"):
        kind = "logit" if spec.kind == "softmax" else spec.kind
        raise ModelError(
            f"--output {spec}: the map {output} has one channel. Give --output {name}:{kind}."
        )
    if is_missing:
        raise ModelError(
            f"--output {spec}: the map {output} has {count} channels. Give a channel from 0 to "
            f"{count - 1}."
        )
    is_pair = count == 2 and spec.kind == "softmax"
    if count == 1 or spec.channel is not None or is_pair:
        return
    advice = (
        f"--output {name}:softmax:1, or --output {name}:logit:1 if the channels are independent"
    )
    if spec.kind == "probability":
        advice = f"--output {name}:probability:1"
    raise ModelError(
        f"the network returns {count} channels (output {output}). "
        f"Give the channel of the vessels, such as {advice}."
    )
