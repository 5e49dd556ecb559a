"""Saved state of a training run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgeseg.errors import ModelError
from edgeseg_train.training.compute import ComputeMode
from edgeseg_train.training.state import SavedState, load_state


def test_load_state_without_file_returns_none(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None


def test_load_state_of_damaged_file_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match=r"last\.pt"):
        load_state(tmp_path)
    torch.save({"step": 3}, tmp_path / "last.pt")
    with pytest.raises(ModelError, match=r"last\.pt"):
        load_state(tmp_path)


def test_check_config_with_different_option_is_rejected() -> None:
    state = SavedState(
        config={"seed": 0},
        step=3,
        seconds=1.0,
        best_dice=-1.0,
        validation_seconds=0.0,
        compute_mode=ComputeMode(),
        earlier_data=[],
        start_weights={},
        best_weights={},
        network={},
        averaged={},
        optimizer={},
    )
    state.check_config({"seed": 0}, Path("last.pt"))
    with pytest.raises(ModelError, match="seed was 0, is 5"):
        state.check_config({"seed": 5}, Path("last.pt"))
