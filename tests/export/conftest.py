"""Fixtures of the export tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from torch import nn

from edgeseg.cli import cli
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg_export import command
from edgeseg_export.precision import calibration
from edgeseg_export.verify import latency
from edgeseg_train.checkpoint import Checkpoint, TrainingData, WorkingSize
from edgeseg_train.network.resunet import architecture_by_name, build_network

RunConvert = Callable[..., Result]
MakeCheckpoint = Callable[[PreprocessingConfig, tuple[WorkingSize, ...]], Checkpoint]


@pytest.fixture(autouse=True)
def single_thread() -> None:
    """Compute with one thread, which is faster for tiny networks."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def few_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check on one synthetic photograph, calibrate on two, and measure INT8 in one process."""
    monkeypatch.setattr(command, "DEFAULT_DATA", "synthetic:1")
    monkeypatch.setattr(calibration, "DEFAULT_DATA", "synthetic:2")
    monkeypatch.setattr(latency, "PROCESSES", 1)


@pytest.fixture(scope="session")
def run_convert() -> RunConvert:
    """Return a function that runs `edgeseg convert`."""

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(cli, ["convert", *map(str, arguments)])

    return run


@pytest.fixture(scope="session")
def make_checkpoint() -> MakeCheckpoint:
    """Return a function that creates a tiny checkpoint with random weights."""

    def make(config: PreprocessingConfig, sizes: tuple[WorkingSize, ...]) -> Checkpoint:
        torch.manual_seed(0)
        network = build_network(architecture_by_name("tiny"))
        with torch.no_grad():
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    assert module.running_mean is not None
                    module.running_mean.normal_(0, 0.1)
                    module.weight.normal_(1, 0.1)
        return Checkpoint(
            architecture_by_name("tiny"),
            network.state_dict(),
            config,
            sizes,
            (TrainingData("hrf", 24, "CC BY 4.0"), TrainingData("synthetic", 3, "generated")),
            {
                "default": {"mean": 0.71234, "hrf": 0.812345},
                "detail": {"mean": 0.8, "hrf": 0.83},
            },
        )

    return make
