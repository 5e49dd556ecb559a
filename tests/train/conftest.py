"""Fixtures of the training tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgeseg.imaging.encoder import encode_png
from edgeseg.synthetic import generate_photo


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Use one thread, which is faster for tiny networks, especially on busy cores."""
    torch.set_num_threads(1)


@pytest.fixture
def small_pairs(tmp_path: Path) -> str:
    """`pairs:DIR` with four synthetic photographs of 160 pixels."""
    folder = tmp_path / "pairs"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for seed in range(4):
        synthetic = generate_photo(seed, 160)
        (folder / "images" / f"{seed}.png").write_bytes(encode_png(synthetic.photo))
        (folder / "masks" / f"{seed}.png").write_bytes(encode_png(synthetic.truth))
    return f"pairs:{folder}"
