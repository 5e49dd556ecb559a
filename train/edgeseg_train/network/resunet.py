"""The family of residual U-Nets: one definition, members by name.

`resunet-deeper` is the published system to the letter, module names included, so that its state dict loads.
The compact members differ in three places that decide what a frame costs on a board: a space-to-depth stem
instead of full-size convolutions, 1x1 convolution and depth-to-space instead of transposed convolutions
(which stay FP32 in FP16 and INT8 graphs), and a head that predicts a block of pixels at once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from edgeseg.errors import ModelError

LARGEST_COUNT, MOST_LEVELS, MOST_BLOCKS = 8192, 8, 8


@dataclass(frozen=True)
class Architecture:
    """A member of the family.

    Attributes:
        name: what users call it.
        widths: channels of each encoder level.
        bridge: channels between encoder and decoder.
        blocks: residual blocks a level.
        stem: side of the stem's space-to-depth block in pixels; 1 is the published 7x7 convolution at full size.
        up: `transposed` 2x2 convolutions as published, or `shuffle`: 1x1 convolution and depth-to-space.
        dropout: of whole channels after the bridge.
        size: the working size that it was designed for.
        skip: how the encoder's features join the decoder's: `concat` as published, or `add`, which spares a third of
            the decoder's work.
    """

    name: str
    widths: tuple[int, ...]
    bridge: int
    blocks: int = 1
    stem: Literal[1, 2, 4] = 4
    up: Literal["transposed", "shuffle"] = "shuffle"
    dropout: float = 0.0
    size: int = 640
    skip: Literal["concat", "add"] = "concat"

    def __post_init__(self) -> None:
        # A checkpoint's record is untrusted: nothing here may ask for endless levels or memory.
        counts = (*self.widths, self.bridge, self.blocks, len(self.widths), self.size)
        if not all(isinstance(count, int) and 1 <= count <= LARGEST_COUNT for count in counts):
            raise ModelError(
                f"architecture: widths, bridge, blocks and size must be 1 to {LARGEST_COUNT}, found {counts}"
            )
        if len(self.widths) > MOST_LEVELS or self.blocks > MOST_BLOCKS:
            raise ModelError(
                f"architecture: at most {MOST_LEVELS} levels of {MOST_BLOCKS} blocks each"
            )
        words = self.up in ("transposed", "shuffle") and self.skip in ("concat", "add")
        if self.stem not in (1, 2, 4) or not words or not 0 <= self.dropout < 1:
            raise ModelError(
                f"architecture: stem {self.stem!r}, up {self.up!r}, skip {self.skip!r}, dropout {self.dropout!r} "
                "make no sense"
            )

    def to_dict(self) -> dict[str, object]:
        """Plain values for a checkpoint."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @property
    def multiple(self) -> int:
        """A working size must be a multiple of this many pixels."""
        return int(self.stem) << len(self.widths)


ARCHITECTURES = {
    member.name: member
    for member in (
        Architecture("tiny", (16, 32), 48, stem=4, size=512),
        Architecture("compact", (32, 64, 96), 128, stem=4, size=640),
        Architecture("lean", (32, 64, 96), 160, stem=4, size=704, skip="add"),
        Architecture("compact-fine", (24, 48, 96), 96, stem=2, size=512),
        Architecture("compact-wide", (48, 96, 128), 128, stem=4, size=640),
        Architecture("resunet-deeper", (64, 128, 256, 512), 1024, 2, 1, "transposed", 0.2, 512),
    )
}


def build_network(architecture: Architecture) -> ResUNet:
    """The network with fresh weights."""
    return ResUNet(architecture)


def architecture_by_name(name: str) -> Architecture:
    """A member by name.

    Raises:
        ModelError: there is none of that name.
    """
    if name not in ARCHITECTURES:
        raise ModelError(f"architecture '{name}' is unknown; there are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


class ResidualBlock(nn.Module):
    """conv3-BN-ReLU-conv3-BN plus a shortcut (1x1-conv-BN where the shape changes), then ReLU."""

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
        """(N, inputs, H, W) -> (N, outputs, H, W)."""
        y: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.shortcut(x))


class ResUNet(nn.Module):
    """Photograph (N, 3, H, W) float32, normalised -> logits (N, 1, H, W); H and W multiples of `multiple`."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        widths, blocks = architecture.widths, architecture.blocks
        self.input_layer = _stem(architecture)
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
            self.add_module(f"upconv{level}", _up(architecture.up, inputs, width))
            for block in range(1, blocks + 1):
                joined = 2 * width if block == 1 and architecture.skip == "concat" else width
                self.add_module(f"decoder{level}_{block}", ResidualBlock(joined, width))
            inputs = width
        self.output = _head(architecture)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> logits (N, 1, H, W)."""
        levels = range(1, len(self.architecture.widths) + 1)
        x = self.input_layer(x)
        skips = []
        for level in levels:
            x = self._blocks(f"encoder{level}_", x)
            skips.append(x)
            x = self.pool(x)
        x = self.dropout(self._blocks("bridge", x))
        for level in reversed(levels):
            x = self.get_submodule(f"upconv{level}")(x)
            x = self._blocks(f"decoder{level}_", self._joined(x, skips.pop()))
        logits: Tensor = self.output(x)
        return logits

    def _joined(self, x: Tensor, skip: Tensor) -> Tensor:
        return x + skip if self.architecture.skip == "add" else torch.cat([x, skip], dim=1)

    def _blocks(self, prefix: str, x: Tensor) -> Tensor:
        for block in range(1, self.architecture.blocks + 1):
            x = self.get_submodule(f"{prefix}{block}")(x)
        return x


def _stem(architecture: Architecture) -> nn.Sequential:
    width, side = architecture.widths[0], int(architecture.stem)
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


def _up(kind: Literal["transposed", "shuffle"], inputs: int, outputs: int) -> nn.Module:
    if kind == "transposed":
        return nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
    # A 2x2 stride-2 transposed convolution is exactly this, in operators that have half-precision and INT8 kernels.
    return nn.Sequential(nn.Conv2d(inputs, 4 * outputs, 1), nn.PixelShuffle(2))


def _head(architecture: Architecture) -> nn.Module:
    width, side = architecture.widths[0], int(architecture.stem)
    if side == 1:
        return nn.Conv2d(width, 1, 1)
    return nn.Sequential(nn.Conv2d(width, side * side, 3, padding=1), nn.PixelShuffle(side))
