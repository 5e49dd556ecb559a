from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.models.card import read_card
from edgeseg_benchmarks.reference_model import _write_models


@pytest.mark.slow
def test_reference_model_has_published_preprocessing(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="--reference requires torch (extra 'export')")
    # The smallest architecture is used, because the reference model takes half a minute.
    files = _write_models(tmp_path, "tiny", 64)
    assert list(files) == ["fp32", "fp16"]
    card = read_card(files["fp16"])
    assert (card.precision, card.compute, card.preprocessing.fov) == ("fp16", "float16", "grey10")
    assert (card.preprocessing.contrast_at, card.preprocessing.mean[0]) == ("before", 0.485)
    assert files["fp16"].stat().st_size < 0.8 * files["fp32"].stat().st_size
