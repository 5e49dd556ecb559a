"""Processes of a training run started by torchrun: rank, world size and threads."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import distributed

from edgeseg.device.cpu import usable_cores

# Maximum number of threads that load or score photographs; each needs 24 MB or more.
MAX_PHOTO_THREADS = 8


@dataclass(frozen=True)
class DistributedContext:
    """Position of this process among all processes of the run.

    Attributes:
        rank: number of this process, from 0.
        world_size: number of processes.
    """

    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """True if this process validates, saves and prints."""
        return self.rank == 0

    def share_decision(
        self, progress: float, stop: bool, device: torch.device
    ) -> tuple[float, bool]:
        """Return the main process's progress and stop flag, so that all processes agree."""
        if self.world_size == 1:
            return progress, stop
        decision = torch.tensor([progress, float(stop)], dtype=torch.float64, device=device)
        distributed.broadcast(decision, 0)
        return float(decision[0]), bool(decision[1])


def count_photo_threads() -> int:
    """Return the number of threads with which this process handles photographs in parallel."""
    cores = usable_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(MAX_PHOTO_THREADS, cores))


def join_processes(device: str) -> DistributedContext:
    """Join the process group that torchrun describes in the environment.

    Args:
        device: `cuda` or `cpu`.

    Returns:
        The position of this process; rank 0 of 1 without torchrun.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return DistributedContext()
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    return DistributedContext(distributed.get_rank(), distributed.get_world_size())
