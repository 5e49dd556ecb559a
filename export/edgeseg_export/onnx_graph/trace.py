"""Tracing of a PyTorch network to an ONNX graph with a uint8 photograph as input."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import onnx
import torch
from torch import Tensor, nn

from edgeseg.errors import ModelError, one_line
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg_export.input_channels import InputChannels, explain_channels, select_channels
from edgeseg_export.network_output import SizeError, activate, select_map
from edgeseg_export.onnx_graph.fold_batchnorm import fold_batch_norms
from edgeseg_export.onnx_graph.graph import OnnxGraph
from edgeseg_export.output_spec import ONLY_LOGIT, OutputSpec

# Newest opset that ONNX Runtime 1.18, OpenVINO and TensorRT 8.6 (JetPack 6) all support.
OPSET = 17


class PhotoToProbability(nn.Module):
    """Network with the input and output of a model file.

    The photograph is normalized, and the input channels are selected. After the network, the vessel
    output is selected and activated.

    Args:
        network: function from normalized (1, C, size, size) float32 to one or more maps.
        config: preprocessing; only `mean` and `std` are used.
        output: vessel output of the network.
        input_channels: channels of the network's input.

    Attributes:
        enlargement: factor by which the network's map is enlarged; set in the first call.
    """

    def __init__(
        self,
        network: nn.Module,
        config: PreprocessingConfig,
        output: OutputSpec = ONLY_LOGIT,
        input_channels: InputChannels = "rgb",
    ) -> None:
        super().__init__()
        self.network = network
        self.output = output
        self.input_channels = input_channels
        self.enlargement = 1
        std = torch.tensor(config.std).view(1, 3, 1, 1)
        self.scale: Tensor
        self.offset: Tensor
        self.register_buffer("scale", 1 / (255 * std))
        self.register_buffer("offset", -torch.tensor(config.mean).view(1, 3, 1, 1) / std)
        self.has_mean = any(config.mean)

    def forward(self, photo: Tensor) -> Tensor:
        """Compute the vessel probability.

        Args:
            photo: (1, size, size, 3) uint8 RGB.

        Returns:
            (1, size, size) float32, 0 to 1.

        Raises:
            ModelError: The network does not return a map of the photograph's size.
        """
        return activate(self.compute_map(photo), self.output)

    def compute_map(self, photo: Tensor) -> Tensor:
        """Compute the network's map without the activation.

        Args:
            photo: (1, size, size, 3) uint8 RGB.

        Returns:
            (1, C, size, size) float32.

        Raises:
            ModelError: The network does not return a map of the photograph's size.
        """
        x = photo.permute(0, 3, 1, 2).float() * self.scale
        if self.has_mean:
            x = x + self.offset
        outputs = self.network(select_channels(x, self.input_channels))
        channels, self.enlargement = select_map(outputs, self.output, photo.shape[1:3])
        return channels


def trace_to_onnx(
    network: PhotoToProbability, size: int, opset: int = OPSET, dynamic: bool = False
) -> onnx.ModelProto:
    """Trace the network at its working size and fold BatchNorm into the preceding convolutions.

    Args:
        network: network in FP32 on the CPU. This function sets it to evaluation mode.
        size: working size in pixels.
        opset: opset of the graph.
        dynamic: whether to make height and width of input and output dynamic.

    Returns:
        Model with the input `photo`, uint8 (1, size, size, 3) RGB, and the output `probability`,
        float32 (1, size, size).

    Raises:
        SizeError: The network cannot be exported, possibly because of the size.
        ModelError: The network cannot be exported for another reason.
    """
    buffer = io.BytesIO()
    axes = {1: "height", 2: "width"}
    try:
        with _silence_exporter():
            # The TorchScript exporter writes simpler graphs than the newer exporter and requires no
            # other package.
            torch.onnx.export(
                network.eval(),
                (torch.zeros(1, size, size, 3, dtype=torch.uint8),),
                buffer,  # type: ignore[arg-type]  # this exporter writes to a buffer, too
                input_names=["photo"],
                output_names=["probability"],
                opset_version=opset,
                dynamic_axes={"photo": axes, "probability": axes} if dynamic else None,
                dynamo=False,
                # In other modes, the exporter folds BatchNorm, and the rounding depends on the CPU.
                training=torch.onnx.TrainingMode.PRESERVE,
            )
    except ModelError:
        raise
    except Exception as error:  # the exporter or a third-party network may raise any exception
        if (explanation := explain_channels(error, network.input_channels)) is not None:
            raise ModelError(explanation) from error
        reason = one_line(error).split(" Please feel free to request support")[0].rstrip(".")
        raise SizeError(f"the network cannot be exported at {size}x{size} ({reason}).") from error
    model = onnx.load_from_string(buffer.getvalue())
    duplicate_shared_weights(model)
    return fold_batch_norms(model)


@contextmanager
def _silence_exporter() -> Iterator[None]:
    """Suppress warnings, and the graph that PyTorch logs when an export fails.

    PyTorch enables this log in each export and does not disable it.
    """
    enable_log = torch._C._jit_set_onnx_log_enabled
    enable_log(False)
    torch._C._jit_set_onnx_log_enabled = lambda enabled: None
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch._C._jit_set_onnx_log_enabled = enable_log


def duplicate_shared_weights(model: onnx.ModelProto) -> None:
    """Replace weights that are shared through an Identity node with copies, in place.

    The exporter shares equal biases to save space. The quantizer would treat a shared bias as a
    computed value and not quantize it.
    """
    graph = OnnxGraph(model)
    for node in list(model.graph.node):
        if node.op_type == "Identity" and node.input[0] in graph.weights:
            copy = model.graph.initializer.add()
            copy.CopyFrom(graph.weights[node.input[0]])
            copy.name = node.output[0]
            graph.remove_nodes(node)
