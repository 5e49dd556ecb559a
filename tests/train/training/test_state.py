"""Saved state of a training run."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from edgeseg.errors import ModelError
from edgeseg_train.network.resunet import ResUNet, architecture_by_name, build_network
from edgeseg_train.training.compute import ComputeMode
from edgeseg_train.training.state import SavedState, load_state


def make_state(network: ResUNet, optimizer: torch.optim.Optimizer) -> SavedState:
    weights = network.state_dict()
    return SavedState(
        config={"seed": 0},
        step=3,
        seconds=1.0,
        best_dice=-1.0,
        validation_seconds=0.0,
        compute_mode=ComputeMode(),
        earlier_data=[],
        start_weights={},
        best_weights=weights,
        network=weights,
        averaged=weights,
        optimizer=optimizer.state_dict(),
    )


def restore(folder: Path, network: ResUNet, optimizer: torch.optim.Optimizer) -> None:
    state = load_state(folder)
    assert state is not None
    state.restore(network, copy.deepcopy(network), optimizer, folder / "last.pt")


def test_load_state_without_file_returns_none(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None


def test_load_state_of_damaged_file_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match=r"last\.pt"):
        load_state(tmp_path)
    torch.save({"step": 3}, tmp_path / "last.pt")
    with pytest.raises(ModelError, match=r"last\.pt"):
        load_state(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("plan", torch.zeros(3)),
        ("step", -5),
        ("network", {}),
        ("averaged", {"x": torch.zeros(3)}),
        ("start", {"x": torch.zeros(3)}),
        ("best_weights", {"x": torch.zeros(3)}),
        ("optimizer", {}),
        ("optimizer", {"state": torch.zeros(3), "param_groups": []}),
        ("optimizer", {"state": {}, "param_groups": 5}),
    ],
)
def test_state_with_invalid_entry_is_rejected(tmp_path: Path, key: str, value: object) -> None:
    file = tmp_path / "last.pt"
    network = build_network(architecture_by_name("tiny"))
    optimizer = torch.optim.AdamW(network.parameters())
    make_state(network, optimizer).save(tmp_path)
    torch.save({**torch.load(file, weights_only=True), key: value}, file)
    with pytest.raises(ModelError, match=r"last\.pt"):
        restore(tmp_path, network, optimizer)


def test_check_config_with_different_option_is_rejected() -> None:
    network = build_network(architecture_by_name("tiny"))
    state = make_state(network, torch.optim.AdamW(network.parameters()))
    state.check_config({"seed": 0}, Path("last.pt"))
    with pytest.raises(ModelError, match="seed was 0, is 5"):
        state.check_config({"seed": 5}, Path("last.pt"))
