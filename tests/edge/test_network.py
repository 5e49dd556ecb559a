"""A network that is loaded while something else is done."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeseg import Segmenter
from edgeseg.errors import ModelError, UsageError
from edgeseg.network import Network
from edgeseg.synthetic import Drawn, draw


@pytest.fixture
def drawn() -> Drawn:
    """A small photograph."""
    return draw(3, 256)


def test_a_segmenter_over_a_network_is_one_of_its_model(tiny_model: Path, drawn: Drawn) -> None:
    network = Network(tiny_model, threads=1)
    over, itself = Segmenter.over(network, threshold=0.3), Segmenter(tiny_model, threads=1, threshold=0.3)
    assert (over.file, over.card, over.threads, over.threshold) == (itself.file, itself.card, 1, 0.3)
    assert (over.segment(drawn.photo).mask == itself.segment(drawn.photo).mask).all()
    assert Segmenter.over(network).threshold == itself.card.threshold


def test_what_is_wrong_is_said_where_the_network_is_needed(write_model: Callable[..., Path], drawn: Drawn) -> None:
    file = write_model("x")  # its card makes sense, its graph is none
    network = Network(file, runtime="onnxruntime")
    segmenter = Segmenter.over(network)
    for needs_it in (network.loaded, lambda: segmenter.runtime, lambda: segmenter.segment(drawn.photo)):
        with pytest.raises(ModelError, match=str(file)):
            needs_it()


def test_what_makes_no_sense_is_said_at_once(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="threads"):
        Network(tiny_model, threads=0)
    with pytest.raises(ModelError, match="nowhere"):
        Network(tmp_path / "nowhere.onnx")
    with pytest.raises(UsageError, match="threshold"):
        Segmenter.over(Network(tiny_model), threshold=2)


def test_a_network_is_begun_before_opencv_is_loaded(tiny_model: Path) -> None:
    program = (
        f"import sys; from edgeseg.network import Network; Network({str(tiny_model)!r}); print('cv2' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
