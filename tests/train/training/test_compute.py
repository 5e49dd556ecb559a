"""Selection of the compute mode by a short trial."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch

from edgeseg_train.network.resunet import Architecture, architecture_by_name
from edgeseg_train.training import compute
from edgeseg_train.training.compute import ComputeMode, select_compute_mode

CPU = torch.device("cpu")
PLAIN, NHWC = ComputeMode(), ComputeMode(channels_last=True)
Shape = tuple[int, int, int, int]


@pytest.mark.parametrize(("seconds", "expected"), [(0.5, NHWC), (0.95, PLAIN), (1.5, PLAIN)])
def test_select_compute_mode_requires_clear_gain(
    monkeypatch: pytest.MonkeyPatch, seconds: float, expected: ComputeMode
) -> None:
    monkeypatch.setattr(compute, "_time_modes", lambda *arguments: {PLAIN: 1.0, NHWC: seconds})
    assert select_compute_mode(architecture_by_name("tiny"), 64, 2, CPU) == expected


@pytest.mark.parametrize(("name", "batch"), [("tiny", 8), ("compact", 8), ("resunet-deeper", 1)])
def test_select_compute_mode_of_large_network_uses_small_batch(
    monkeypatch: pytest.MonkeyPatch, name: str, batch: int
) -> None:
    shapes: list[Shape] = []

    def record_shape(
        architecture: Architecture,
        shape: Shape,
        device: torch.device,
        candidates: Sequence[ComputeMode],
    ) -> dict[ComputeMode, float]:
        shapes.append(shape)
        return dict.fromkeys(candidates, 1.0)

    monkeypatch.setattr(compute, "_time_modes", record_shape)
    assert select_compute_mode(architecture_by_name(name), 256, 8, CPU) == PLAIN
    assert shapes == [(batch, 3, 256, 256)]


@pytest.mark.parametrize(("seconds", "steps"), [(0.0, 2), (1e9, 1 + compute.TRIAL_ROUNDS)])
def test_time_modes_starts_no_round_after_time_limit(
    monkeypatch: pytest.MonkeyPatch, seconds: float, steps: int
) -> None:
    steps_run: list[ComputeMode] = []

    def step(*arguments: object) -> Callable[[], None]:
        return lambda: steps_run.append(PLAIN)

    monkeypatch.setattr(compute, "_make_step", step)
    monkeypatch.setattr(compute, "TRIAL_SECONDS", seconds)
    seconds_by_mode = compute._time_modes(
        architecture_by_name("tiny"), (1, 3, 32, 32), CPU, [PLAIN, NHWC]
    )
    assert set(seconds_by_mode) == {PLAIN, NHWC}
    assert len(steps_run) == 2 * steps


def test_time_modes_measures_every_mode() -> None:
    seconds_by_mode = compute._time_modes(
        architecture_by_name("tiny"), (1, 3, 32, 32), CPU, [PLAIN, NHWC]
    )
    assert all(seconds > 0 for seconds in seconds_by_mode.values())
