"""Compute modes of a training step (precision and memory format) and the search for the fastest."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from edgeseg.device.cpu import cpu_features
from edgeseg_train.network.complexity import count_gmac
from edgeseg_train.network.resunet import Architecture, ResUNet, build_network

CPU = torch.device("cpu")

# Maximum number of timed rounds.
TRIAL_ROUNDS = 3

# Time after which no further round starts.
TRIAL_SECONDS = 5.0

# Maximum forward cost of a trial step; the trial batch is made smaller to stay below it.
# A step of `resunet-deeper` with the default batch takes 10 s: trials would outlast a short run.
TRIAL_GMAC = 20.0

# Another mode is selected only if its step takes less than this share of plain float32.
MAX_RELATIVE_TIME = 0.9


@dataclass(frozen=True)
class ComputeMode:
    """Precision and memory format of a training step.

    Attributes:
        bfloat16: whether the forward pass runs under bfloat16 autocast.
        channels_last: whether weights and photographs use the channels-last memory format.
    """

    bfloat16: bool = False
    channels_last: bool = False

    @property
    def name(self) -> str:
        """Name of the mode for `--arithmetic`; NHWC is the axis order of channels last."""
        precision = "bfloat16" if self.bfloat16 else "float32"
        return f"{precision}-nhwc" if self.channels_last else precision

    @property
    def memory_format(self) -> torch.memory_format:
        """PyTorch memory format of weights and photographs."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def move_network(self, network: ResUNet, device: torch.device) -> ResUNet:
        """Move a network to a device and convert its weights to this memory format."""
        # PyTorch's type annotations do not allow `memory_format` together with a device.
        return network.to(device).to(memory_format=self.memory_format)  # type: ignore[call-overload, no-any-return]

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Return the context manager of the forward pass."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.bfloat16)


# Compute modes by their name for `--arithmetic`.
COMPUTE_MODES = {
    mode.name: mode
    for mode in (
        ComputeMode(),
        ComputeMode(channels_last=True),
        ComputeMode(bfloat16=True),
        ComputeMode(bfloat16=True, channels_last=True),
    )
}


def select_compute_mode(
    architecture: Architecture, crop: int, batch: int, device: torch.device
) -> ComputeMode:
    """Time a few training steps in each mode and return the fastest mode.

    A mode other than plain float32 must be at least 10 % faster, so that timing noise does not
    select it.

    Args:
        architecture: network to train.
        crop: side of a crop in pixels.
        batch: number of crops in a step of this process.
        device: device that trains.
    """
    bfloat16 = _supports_bfloat16(device)
    candidates = [mode for mode in COMPUTE_MODES.values() if bfloat16 or not mode.bfloat16]
    gmac = count_gmac(build_network(architecture), crop)
    trial_batch = min(batch, max(1, round(TRIAL_GMAC / gmac)))
    seconds = _time_modes(architecture, (trial_batch, 3, crop, crop), device, candidates)
    fastest, default = min(seconds, key=seconds.__getitem__), ComputeMode()
    return fastest if seconds[fastest] < MAX_RELATIVE_TIME * seconds[default] else default


def _supports_bfloat16(device: torch.device) -> bool:
    """Return whether to try bfloat16; without CPU support, it is 20 times slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & cpu_features())


def _time_modes(
    architecture: Architecture,
    shape: tuple[int, int, int, int],
    device: torch.device,
    candidates: Sequence[ComputeMode],
) -> dict[ComputeMode, float]:
    """Measure each mode's fastest training step in seconds.

    The modes take turns, so that other load on the machine affects all of them.
    """
    steps = {mode: _make_step(architecture, shape, device, mode) for mode in candidates}
    started = time.perf_counter()
    for step in steps.values():
        step()
    fastest = dict.fromkeys(candidates, math.inf)
    for round_number in range(TRIAL_ROUNDS):
        if round_number > 0 and time.perf_counter() - started >= TRIAL_SECONDS:
            break
        for mode, step in steps.items():
            fastest[mode] = min(fastest[mode], _time_call(step))
    return fastest


def _make_step(
    architecture: Architecture,
    shape: tuple[int, int, int, int],
    device: torch.device,
    mode: ComputeMode,
) -> Callable[[], None]:
    network = mode.move_network(build_network(architecture), device)
    photo = torch.zeros(shape, device=device).contiguous(memory_format=mode.memory_format)

    def run_step() -> None:
        with mode.autocast(device):
            loss = network(photo).float().square().mean()
        loss.backward()
        network.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return run_step


def _time_call(function: Callable[[], None]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
