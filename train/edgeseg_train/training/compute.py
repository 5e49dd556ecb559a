"""Device, processes and compute mode (precision and memory format) of a training run."""

import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from timeit import timeit

import torch
from torch import distributed

from edgeseg.device.cpu import cpu_features, usable_cores
from edgeseg.errors import SystemSetupError
from edgeseg_train.network.resunet import Architecture, ResUNet, build_network, count_gmac

# Maximum number of threads that load or score photographs. Each thread requires at least 24 MB.
MAX_PHOTO_THREADS = 8

# Maximum number of timed rounds.
TRIAL_ROUNDS = 3

# Seconds after which no other round is started.
TRIAL_SECONDS = 5.0

# Maximum number of GMACs of a trial step, which limits the trial batch. With `resunet-deeper` and
# the default batch, a step takes 10 s, and the trials would take longer than a short run.
TRIAL_GMAC = 20.0

# A mode is selected only if its step takes at most this fraction of a step in plain float32.
MAX_RELATIVE_TIME = 0.9


def select_device(device: str) -> str:
    """Resolve `auto`, `cuda` or `cpu` to `cuda` or `cpu`.

    Raises:
        SystemSetupError: CUDA is not available.
    """
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise SystemSetupError("--device cuda: PyTorch found no CUDA device. Use --device cpu.")
    return "cuda" if available and device != "cpu" else "cpu"


@dataclass(frozen=True)
class DistributedContext:
    """Position of this process in the run.

    Attributes:
        rank: number of this process, from 0.
        world_size: number of processes.
    """

    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """True for the process that validates, saves and prints."""
        return self.rank == 0

    def share_decision(
        self, progress: float, stop: bool, device: torch.device
    ) -> tuple[float, bool]:
        """Return the progress and the stop flag that the main process sends to all processes."""
        if self.world_size == 1:
            return progress, stop
        decision = torch.tensor([progress, float(stop)], dtype=torch.float64, device=device)
        distributed.broadcast(decision, 0)
        return float(decision[0]), bool(decision[1])


def count_photo_threads() -> int:
    """Return the number of threads for loading and scoring photographs."""
    cores = usable_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(MAX_PHOTO_THREADS, cores))


def join_processes(device: str) -> DistributedContext:
    """Join the process group that torchrun specifies in environment variables.

    Args:
        device: `cuda` or `cpu`.

    Returns:
        Position of this process. Without torchrun, the rank is 0 and the world size is 1.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return DistributedContext()
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    return DistributedContext(distributed.get_rank(), distributed.get_world_size())


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
        """Name of the mode for `--arithmetic`. NHWC is the axis order of channels last."""
        precision = "bfloat16" if self.bfloat16 else "float32"
        return f"{precision}-nhwc" if self.channels_last else precision

    @property
    def memory_format(self) -> torch.memory_format:
        """PyTorch memory format of weights and photographs."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def move_network(self, network: ResUNet, device: torch.device) -> ResUNet:
        """Move a network to a device and convert its weights to this memory format."""
        # PyTorch's type annotations do not allow both `memory_format` and a device.
        return network.to(device).to(memory_format=self.memory_format)  # type: ignore[call-overload, no-any-return]

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Return a context manager for the forward pass, which runs in bfloat16 if enabled."""
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

    A mode other than plain float32 must be at least 10 % faster, because timings are noisy.

    Args:
        architecture: network to train.
        crop: side of a crop in pixels.
        batch: number of crops in a step of this process.
        device: device for training.
    """
    # On a CPU without bfloat16 instructions, bfloat16 is 20 times slower and is not tried.
    if device.type == "cuda":
        bfloat16 = torch.cuda.is_bf16_supported()
    else:
        bfloat16 = bool({"avx512_bf16", "amx_bf16", "bf16"} & cpu_features())
    candidates = [mode for mode in COMPUTE_MODES.values() if bfloat16 or not mode.bfloat16]
    gmac = count_gmac(build_network(architecture), crop)
    trial_batch = min(batch, max(1, round(TRIAL_GMAC / gmac)))
    seconds = _time_modes(architecture, (trial_batch, 3, crop, crop), device, candidates)
    fastest = min(seconds, key=seconds.__getitem__)
    limit = MAX_RELATIVE_TIME * seconds[ComputeMode()]
    return fastest if seconds[fastest] < limit else ComputeMode()


def _time_modes(
    architecture: Architecture,
    shape: tuple[int, int, int, int],
    device: torch.device,
    candidates: Sequence[ComputeMode],
) -> dict[ComputeMode, float]:
    """Return the time of each mode's fastest training step in seconds.

    The modes are measured alternately, so that other processes affect all modes.
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
            fastest[mode] = min(fastest[mode], timeit(step, number=1))
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
