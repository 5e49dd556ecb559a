"""Checkpoint -> ONNX graph that takes a photograph as it is and gives a probability."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout

import onnx
import torch
from torch import Tensor, nn

from edgeseg.errors import ModelError, one_line
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg_export.onnx_graph.fold_batchnorm import fold_batch_norms
from edgeseg_export.output_spec import FIRST_LOGIT, OutputSpec

OPSET = 17
"""The newest that every ONNX Runtime from 1.18 on, OpenVINO and TensorRT 8.6 (JetPack 6) read."""


class PhotoToProbability(nn.Module):
    """The network between the model file's contract: photo in, probability out.

    `photo` uint8 (1, size, size, 3) RGB -> `probability` float32 (1, size, size).
    """

    def __init__(
        self, network: nn.Module, how: PreprocessingConfig, reading: OutputSpec = FIRST_LOGIT
    ) -> None:
        super().__init__()
        self.network = network
        self.reading = reading
        std = torch.tensor(how.std).view(1, 3, 1, 1)
        self.scale: Tensor
        self.offset: Tensor
        self.register_buffer("scale", 1 / (255 * std))
        self.register_buffer("offset", -torch.tensor(how.mean).view(1, 3, 1, 1) / std)
        self.plain = not any(how.mean)

    def forward(self, photo: Tensor) -> Tensor:
        """(1, size, size, 3) uint8 -> (1, size, size) float32, 0 to 1.

        Raises:
            ModelError: the network gives something else than one map of the photograph's size.
        """
        x = photo.permute(0, 3, 1, 2).float() * self.scale
        if not self.plain:
            x = x + self.offset
        found = self._map(self.network(x), photo.shape[1:3])
        return torch.sigmoid(found) if self.reading.kind == "logit" else found

    def _map(self, given: object, frame: torch.Size) -> Tensor:
        """What the network returned -> the one map (1, size, size)."""
        maps = list(given.values()) if isinstance(given, Mapping) else given
        several = list(maps) if isinstance(maps, (list, tuple)) else [maps]
        if self.reading.index >= len(several):
            raise ModelError(
                f"--output {self.reading.index}: the network gives {len(several)} outputs, counted from 0"
            )
        found = several[self.reading.index]
        want = f"(1, 1, {int(frame[0])}, {int(frame[1])})"
        if not isinstance(found, Tensor):
            raise ModelError(
                f"the network gives a {type(found).__name__}, expected a map {want}; choose with --output"
            )
        shape = tuple(int(n) for n in found.shape)
        if shape not in ((1, *map(int, frame)), (1, 1, *map(int, frame))):
            raise ModelError(
                f"the network gives a map {shape}, expected {want}; return one channel, or use --output"
            )
        return found.squeeze(1) if len(shape) == 4 else found


def trace_to_onnx(
    network: PhotoToProbability, size: int, opset: int = OPSET, dynamic: bool = False
) -> onnx.ModelProto:
    """Trace the network at its working size; BatchNorm is folded into the convolutions before it.

    Args:
        network: in evaluation mode, FP32, on the CPU.
        size: working size in pixels.
        opset: of the graph.
        dynamic: height and width stay free.

    Raises:
        ModelError: the network cannot be exported, or its input does not fit the size.
    """
    photo = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    buffer = io.BytesIO()
    free = {1: "height", 2: "width"}
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            # The TorchScript exporter writes plainer graphs than its successor, and needs no further package.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network.eval(),
                (photo,),
                buffer,  # type: ignore[arg-type]  # the older exporter writes to a buffer too
                input_names=["photo"],
                output_names=["probability"],
                opset_version=opset,
                dynamic_axes={"photo": free, "probability": free} if dynamic else None,
                dynamo=False,
                training=torch.onnx.TrainingMode.PRESERVE,  # or it folds BatchNorm, rounding as this CPU does
            )
    except ModelError:
        raise
    except Exception as error:  # the exporter's, or whatever a third party's network raises
        raise ModelError(
            f"the network cannot be exported at {size}x{size} ({one_line(error)})"
        ) from error
    return fold_batch_norms(with_own_weights(onnx.load_from_string(buffer.getvalue())))


def with_own_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights of their own for nodes that share equal ones through an Identity.

    So the exporter saves some bytes of bias; the quantiser then takes the bias for a result and leaves it in float.
    """
    weights = {weight.name: weight for weight in model.graph.initializer}
    for node in [
        node for node in model.graph.node if node.op_type == "Identity" and node.input[0] in weights
    ]:
        copy = model.graph.initializer.add()
        copy.CopyFrom(weights[node.input[0]])
        copy.name = node.output[0]
        model.graph.node.remove(node)
    return model


def drop_unread(graph: onnx.GraphProto) -> None:
    """Remove the weights that no node reads any more."""
    read = {name for node in graph.node for name in node.input}
    for weight in [weight for weight in graph.initializer if weight.name not in read]:
        graph.initializer.remove(weight)


def in_order(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph, each node behind those whose output it takes: converters and quantisers have written others."""
    known = {value.name for value in (*model.graph.input, *model.graph.initializer)} | {""}
    waiting, ordered = list(model.graph.node), []
    while waiting:
        ready = [node for node in waiting if known.issuperset(node.input)]
        if not ready:
            raise ValueError(f"the graph has a circle at {waiting[0].name}")
        ordered += ready
        known |= {output for node in ready for output in node.output}
        done = {id(node) for node in ready}
        waiting = [node for node in waiting if id(node) not in done]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in ordered]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    return model
