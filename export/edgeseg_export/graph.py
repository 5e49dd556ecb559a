"""Checkpoint -> ONNX graph that takes a photograph as it is and gives a probability."""

from __future__ import annotations

import io
import warnings

import onnx
import torch
from torch import Tensor, nn

from edgeseg.errors import ModelError
from edgeseg.preprocess import Preprocessing

OPSET = 17
"""The newest that every ONNX Runtime from 1.18 on, OpenVINO and TensorRT 8.6 (JetPack 6) read."""


class PhotoToProbability(nn.Module):
    """The network between the model file's contract: photo in, probability out.

    `photo` uint8 (1, size, size, 3) RGB -> `probability` float32 (1, size, size).
    """

    def __init__(self, network: nn.Module, how: Preprocessing) -> None:
        super().__init__()
        self.network = network
        std = torch.tensor(how.std).view(1, 3, 1, 1)
        self.scale: Tensor
        self.offset: Tensor
        self.register_buffer("scale", 1 / (255 * std))
        self.register_buffer("offset", -torch.tensor(how.mean).view(1, 3, 1, 1) / std)
        self.plain = not any(how.mean)

    def forward(self, photo: Tensor) -> Tensor:
        """(1, size, size, 3) uint8 -> (1, size, size) float32, 0 to 1."""
        x = photo.permute(0, 3, 1, 2).float() * self.scale
        if not self.plain:
            x = x + self.offset
        probability: Tensor = torch.sigmoid(self.network(x)).squeeze(1)
        return probability


def to_onnx(network: PhotoToProbability, size: int, opset: int = OPSET) -> onnx.ModelProto:
    """Trace the network at its working size; BatchNorm is folded into the convolutions before it.

    Raises:
        ModelError: the network cannot be exported, or its input does not fit the size.
    """
    photo = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            # The TorchScript exporter writes plainer graphs than its successor, and needs no further package.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network.eval(),
                (photo,),
                buffer,  # type: ignore[arg-type]  # the older exporter writes to a buffer too
                input_names=["photo"],
                output_names=["probability"],
                opset_version=opset,
                dynamo=False,
            )
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"the network cannot be exported at {size}x{size} ({reason})") from error
    return onnx.load_from_string(buffer.getvalue())
