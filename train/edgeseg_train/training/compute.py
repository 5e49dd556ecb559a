"""What the machine at hand computes fastest, found by trying it; and several processes through torchrun."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import distributed

from edgeseg.device.cpu import cpu_features, usable_cores
from edgeseg_train.network.complexity import count_gmac
from edgeseg_train.network.resunet import Architecture, ResUNet, build_network

CPU = torch.device("cpu")

MOST_THREADS = 8
"""That load or judge photographs; each holds one, of 24 MB and more."""

TRIAL_STEPS, TRIAL_SECONDS, TRIAL_GMAC = 3, 5.0, 20.0
"""Rounds of a race; none starts after so many seconds; forward work of a step, where the batch can be made smaller.

`resunet-deeper` takes 10 s for a step of the usual batch: its race would last longer than a short run.
"""

CLEARLY = 0.9
"""Another arithmetic must save at least a tenth of the time."""


@dataclass(frozen=True)
class ComputeMode:
    """How to compute a step.

    Attributes:
        bfloat16: autocast to it.
        channels_last: memory format of weights and photographs.
    """

    bfloat16: bool = False
    channels_last: bool = False

    @property
    def memory_format(self) -> torch.memory_format:
        """PyTorch's name for it."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def placed(self, network: ResUNet, device: torch.device) -> ResUNet:
        """The network on the device, its weights in this memory format."""
        # PyTorch's annotations lack `memory_format` beside a device.
        return network.to(device).to(memory_format=self.memory_format)  # type: ignore[call-overload, no-any-return]

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Context of the forward pass."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.bfloat16)


COMPUTE_MODES = {
    "float32": ComputeMode(),
    "float32-nhwc": ComputeMode(channels_last=True),
    "bfloat16": ComputeMode(bfloat16=True),
    "bfloat16-nhwc": ComputeMode(bfloat16=True, channels_last=True),
}
"""What `--arithmetic` calls them; NHWC is the order of axes that PyTorch calls channels last."""


@dataclass(frozen=True)
class DistributedContext:
    """This process among those that torchrun started: its rank of `world`."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether it validates, saves and speaks."""
        return self.rank == 0


def photograph_threads() -> int:
    """Threads for one photograph each, of this process among those that torchrun started on this machine."""
    return max(1, min(MOST_THREADS, usable_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


def join_processes(device: str) -> DistributedContext:
    """Join the group that torchrun describes in the environment; a plain start is a group of one."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return DistributedContext()
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    return DistributedContext(distributed.get_rank(), distributed.get_world_size())


def fastest_compute_mode(
    architecture: Architecture, crop: int, batch: int, device: torch.device
) -> ComputeMode:
    """Try a few steps of each; anything but the plain arithmetic must pay clearly, so that noise does not choose."""
    candidates = [
        how for how in COMPUTE_MODES.values() if not how.bfloat16 or _has_bfloat16(device)
    ]
    share = min(batch, max(1, round(TRIAL_GMAC / count_gmac(build_network(architecture), crop))))
    seconds = _race(architecture, (share, 3, crop, crop), device, candidates)
    best, plain = min(seconds, key=seconds.__getitem__), ComputeMode()
    return best if seconds[best] < CLEARLY * seconds[plain] else plain


def _has_bfloat16(device: torch.device) -> bool:
    """A CPU without the instructions emulates them, twenty times slower: not even worth a try."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & cpu_features())


def _race(
    architecture: Architecture,
    shape: tuple[int, int, int, int],
    device: torch.device,
    candidates: Sequence[ComputeMode],
) -> dict[ComputeMode, float]:
    """Each candidate's fastest training step; they take turns, so that what else the machine does harms all alike."""
    steps = {how: _step(architecture, shape, device, how) for how in candidates}
    started = time.perf_counter()
    for step in steps.values():
        step()
    rounds = [_round(steps)]
    while len(rounds) < TRIAL_STEPS and time.perf_counter() - started < TRIAL_SECONDS:
        rounds.append(_round(steps))
    return {how: min(round_[how] for round_ in rounds) for how in candidates}


def _round(steps: Mapping[ComputeMode, Callable[[], None]]) -> dict[ComputeMode, float]:
    return {how: _timed(step) for how, step in steps.items()}


def _step(
    architecture: Architecture,
    shape: tuple[int, int, int, int],
    device: torch.device,
    how: ComputeMode,
) -> Callable[[], None]:
    network = how.placed(build_network(architecture), device)
    photo = torch.zeros(shape, device=device).contiguous(memory_format=how.memory_format)

    def step() -> None:
        with how.autocast(device):
            loss = network(photo).float().square().mean()
        loss.backward()
        network.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def _timed(step: Callable[[], None]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started
