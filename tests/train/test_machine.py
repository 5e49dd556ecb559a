"""How this machine computes is found by trying: clearly faster, or as it always was; large networks are tried small."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch

from edgeseg_train.network.resunet import Architecture, architecture_by_name
from edgeseg_train.training import compute
from edgeseg_train.training.compute import ComputeMode, fastest_compute_mode

CPU = torch.device("cpu")
PLAIN, NHWC = ComputeMode(), ComputeMode(channels_last=True)
Shape = tuple[int, int, int, int]


@pytest.mark.parametrize(("seconds", "chosen"), [(0.5, NHWC), (0.95, PLAIN), (1.5, PLAIN)])
def test_noise_does_not_choose(
    monkeypatch: pytest.MonkeyPatch, seconds: float, chosen: ComputeMode
) -> None:
    monkeypatch.setattr(compute, "_race", lambda *arguments: {PLAIN: 1.0, NHWC: seconds})
    assert fastest_compute_mode(architecture_by_name("tiny"), 64, 2, CPU) == chosen


@pytest.mark.parametrize(("name", "batch"), [("tiny", 8), ("compact", 8), ("resunet-deeper", 1)])
def test_a_large_network_is_tried_on_a_small_batch(
    monkeypatch: pytest.MonkeyPatch, name: str, batch: int
) -> None:
    tried: list[Shape] = []

    def race(
        architecture: Architecture,
        shape: Shape,
        device: torch.device,
        candidates: Sequence[ComputeMode],
    ) -> dict[ComputeMode, float]:
        tried.append(shape)
        return dict.fromkeys(candidates, 1.0)

    monkeypatch.setattr(compute, "_race", race)
    assert fastest_compute_mode(architecture_by_name(name), 256, 8, CPU) == PLAIN
    assert tried == [(batch, 3, 256, 256)]


@pytest.mark.parametrize(("seconds", "steps"), [(0.0, 2), (1e9, 1 + compute.TRIAL_STEPS)])
def test_no_round_starts_when_the_time_is_up(
    monkeypatch: pytest.MonkeyPatch, seconds: float, steps: int
) -> None:
    made: list[ComputeMode] = []

    def step(*arguments: object) -> Callable[[], None]:
        return lambda: made.append(PLAIN)

    monkeypatch.setattr(compute, "_step", step)
    monkeypatch.setattr(compute, "TRIAL_SECONDS", seconds)
    found = compute._race(architecture_by_name("tiny"), (1, 3, 32, 32), CPU, [PLAIN, NHWC])
    assert set(found) == {PLAIN, NHWC}
    assert len(made) == 2 * steps


def test_a_real_race_has_a_winner() -> None:
    found = compute._race(architecture_by_name("tiny"), (1, 3, 32, 32), CPU, [PLAIN, NHWC])
    assert all(seconds > 0 for seconds in found.values())
