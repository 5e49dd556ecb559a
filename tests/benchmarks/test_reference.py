from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.models.card import read_card
from edgeseg_benchmarks.reference_model import _make


def test_the_reference_is_fed_as_published(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="--reference needs torch (extra 'export')")
    files = _make(
        tmp_path, "tiny", 64
    )  # the reference itself takes half a minute; the way is the same
    assert list(files) == ["fp32", "fp16"]
    card = read_card(files["fp16"])
    assert (card.precision, card.compute, card.preprocessing.fov) == ("fp16", "float16", "grey10")
    assert (card.preprocessing.contrast_at, card.preprocessing.mean[0]) == ("before", 0.485)
    assert files["fp16"].stat().st_size < 0.8 * files["fp32"].stat().st_size
