"""Residual U-Nets: one definition for all architectures.

`resunet-deeper` is the published network. The names of its modules are unchanged, so that the
published state dict can be loaded. The compact architectures differ in three parts that determine
the latency on a board. First, a space-to-depth stem replaces full-size convolutions. Second, a 1x1
convolution with depth-to-space replaces transposed convolutions, which ONNX Runtime computes in
FP32 even in FP16 and INT8 files. Third, the head predicts a block of pixels at once.
"""

import copy
from typing import Annotated, Literal, TypeAlias

import msgspec
import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from edgeseg.errors import ModelError
from edgeseg.preprocessing.config import PreprocessingConfig

# Limit for values in untrusted checkpoints, which also limits the required memory.
Count: TypeAlias = Annotated[int, Meta(ge=1, le=8192)]


class Architecture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Architecture of a residual U-Net.

    Attributes:
        name: name for `--arch`.
        widths: number of channels of each encoder level.
        bridge: number of channels between encoder and decoder.
        blocks: number of residual blocks in each level.
        stem: side of the space-to-depth block in pixels. 1 selects the published 7x7 convolution at
            full size.
        up: kind of upsampling. `transposed` selects the published 2x2 transposed convolutions, and
            `shuffle` selects 1x1 convolutions with depth-to-space.
        dropout: probability that a channel is dropped after the bridge.
        size: default working size in pixels.
        skip: combination of encoder and decoder features. `concat` is the published combination.
            `add` saves a third of the decoder's computation.

    msgspec checks the ranges when it converts a checkpoint.
    """

    name: str
    widths: Annotated[tuple[Count, ...], Meta(min_length=1, max_length=8)]
    bridge: Count
    blocks: Annotated[int, Meta(ge=1, le=8)] = 1
    stem: Literal[1, 2, 4] = 4
    up: Literal["transposed", "shuffle"] = "shuffle"
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    size: Count = 640
    skip: Literal["concat", "add"] = "concat"

    def to_dict(self) -> dict[str, object]:
        """Return plain values for a checkpoint."""
        return msgspec.structs.asdict(self) | {"widths": list(self.widths)}

    @property
    def multiple(self) -> int:
        """Working sizes must be multiples of this number of pixels."""
        return int(self.stem) << len(self.widths)


ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture("tiny", (16, 32), 48, stem=4, size=512),
        Architecture("compact", (32, 64, 96), 128, stem=4, size=640),
        Architecture("lean", (32, 64, 96), 160, stem=4, size=704, skip="add"),
        Architecture("compact-fine", (24, 48, 96), 96, stem=2, size=512),
        Architecture("compact-wide", (48, 96, 128), 128, stem=4, size=640),
        Architecture("resunet-deeper", (64, 128, 256, 512), 1024, 2, 1, "transposed", 0.2, 512),
    )
}


def architecture_by_name(name: str) -> Architecture:
    """Return an architecture by its name.

    Raises:
        ModelError: The name is unknown.
    """
    if name not in ARCHITECTURES:
        raise ModelError(
            f"architecture '{name}' is unknown. Choose one of {', '.join(ARCHITECTURES)}."
        )
    return ARCHITECTURES[name]


class ResidualBlock(nn.Module):
    """Residual block: conv3-BN-ReLU-conv3-BN, plus shortcut, then ReLU.

    The shortcut is a 1x1 convolution with BN if the number of channels changes.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Sequential = nn.Sequential()
        if inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H, W)."""
        y: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.shortcut(x))


class ResUNet(nn.Module):
    """Residual U-Net.

    The input is a batch of normalised photographs (N, 3, H, W) float32. H and W must be multiples
    of `architecture.multiple`. Output: logits (N, 1, H, W).
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        widths = architecture.widths
        blocks = architecture.blocks
        self.input_layer = _build_stem(architecture)
        self.pool = nn.MaxPool2d(2)
        inputs = widths[0]
        for level, width in enumerate(widths, 1):
            for block in range(1, blocks + 1):
                self.add_module(f"encoder{level}_{block}", ResidualBlock(inputs, width))
                inputs = width
        for block in range(1, blocks + 1):
            self.add_module(f"bridge{block}", ResidualBlock(inputs, architecture.bridge))
            inputs = architecture.bridge
        self.dropout = nn.Dropout2d(architecture.dropout)
        for level in range(len(widths), 0, -1):
            width = widths[level - 1]
            self.add_module(f"upconv{level}", _build_upsampling(architecture.up, inputs, width))
            for block in range(1, blocks + 1):
                inputs = 2 * width if block == 1 and architecture.skip == "concat" else width
                self.add_module(f"decoder{level}_{block}", ResidualBlock(inputs, width))
            inputs = width
        self.output = _build_head(architecture)

    def forward(self, x: Tensor) -> Tensor:
        """Map photographs (N, 3, H, W) to logits (N, 1, H, W)."""
        levels = range(1, len(self.architecture.widths) + 1)
        x = self.input_layer(x)
        skips = []
        for level in levels:
            x = self._run_blocks(f"encoder{level}_", x)
            skips.append(x)
            x = self.pool(x)
        x = self.dropout(self._run_blocks("bridge", x))
        for level in reversed(levels):
            x = self.get_submodule(f"upconv{level}")(x)
            skip = skips.pop()
            x = x + skip if self.architecture.skip == "add" else torch.cat([x, skip], dim=1)
            x = self._run_blocks(f"decoder{level}_", x)
        logits: Tensor = self.output(x)
        return logits

    def _run_blocks(self, prefix: str, x: Tensor) -> Tensor:
        for block in range(1, self.architecture.blocks + 1):
            x = self.get_submodule(f"{prefix}{block}")(x)
        return x


def build_network(architecture: Architecture) -> ResUNet:
    """Build a network with random weights."""
    return ResUNet(architecture)


def _build_stem(architecture: Architecture) -> nn.Sequential:
    width = architecture.widths[0]
    side = architecture.stem
    if side == 1:
        return nn.Sequential(
            nn.Conv2d(3, width, 7, padding=3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
    return nn.Sequential(
        nn.PixelUnshuffle(side),
        nn.Conv2d(3 * side * side, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


def _build_upsampling(
    kind: Literal["transposed", "shuffle"], inputs: int, outputs: int
) -> nn.Module:
    if kind == "transposed":
        return nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
    # This is equivalent to a 2x2 transposed convolution with stride 2, but its operators have FP16
    # and INT8 kernels.
    return nn.Sequential(nn.Conv2d(inputs, 4 * outputs, 1), nn.PixelShuffle(2))


def _build_head(architecture: Architecture) -> nn.Module:
    width = architecture.widths[0]
    side = architecture.stem
    if side == 1:
        return nn.Conv2d(width, 1, 1)
    return nn.Sequential(nn.Conv2d(width, side * side, 3, padding=1), nn.PixelShuffle(side))


def normalise_photo(photo: Tensor, config: PreprocessingConfig) -> Tensor:
    """Subtract the mean and divide by the standard deviation of each channel.

    Args:
        photo: (N, 3, H, W) float, values from 0 to 1.
        config: preprocessing with mean and standard deviation in RGB order.

    Returns:
        Tensor of the same shape on the same device.
    """
    mean, std = (
        torch.tensor(values).view(1, 3, 1, 1).to(photo.device, non_blocking=True)
        for values in (config.mean, config.std)
    )
    return (photo - mean) / std


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_gmac(network: nn.Module, size: int) -> float:
    """Return the GMACs of convolutions and matrix products for one `size` x `size` image.

    The network runs on the `meta` device, which only propagates shapes.
    """
    meta_network = copy.deepcopy(network).eval().to("meta")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        meta_network(torch.zeros(1, 3, size, size, device="meta"))
    return float(counter.get_total_flops()) / 2e9  # a multiply-accumulate counts as two operations
