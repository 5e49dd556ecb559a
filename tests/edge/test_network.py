"""A network that is loaded while something else is done."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeseg import Segmenter
from edgeseg.errors import ModelError, UsageError
from edgeseg.imaging.photo import encode_png
from edgeseg.network import Network
from edgeseg.synthetic import SyntheticPhoto, generate_photo


@pytest.fixture
def drawn() -> SyntheticPhoto:
    """A small photograph."""
    return generate_photo(3, 256)


def test_a_segmenter_over_a_network_is_one_of_its_model(
    tiny_model: Path, drawn: SyntheticPhoto
) -> None:
    over = Segmenter.over(Network(tiny_model, threads=1, threshold=0.3))
    itself = Segmenter(tiny_model, threads=1, threshold=0.3)
    assert (over.file, over.card, over.threads, over.threshold) == (
        itself.file,
        itself.card,
        1,
        0.3,
    )
    assert (over.segment(drawn.photo).mask == itself.segment(drawn.photo).mask).all()
    assert Segmenter.over(Network(tiny_model)).threshold == itself.card.threshold


def test_what_is_wrong_is_said_where_the_network_is_needed(
    write_model: Callable[..., Path], drawn: SyntheticPhoto
) -> None:
    file = write_model("x")  # its card makes sense, its graph is none
    network = Network(file, runtime="onnxruntime")
    segmenter = Segmenter.over(network)
    for needs_it in (
        network.loaded,
        lambda: segmenter.runtime,
        lambda: segmenter.segment(drawn.photo),
    ):
        with pytest.raises(ModelError, match=str(file)):
            needs_it()


def test_what_makes_no_sense_is_said_at_once(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="threads"):
        Network(tiny_model, threads=0)
    with pytest.raises(ModelError, match="nowhere"):
        Network(tmp_path / "nowhere.onnx")
    with pytest.raises(UsageError, match="threshold"):
        Network(tmp_path / "nowhere.onnx", threshold=2)


def test_a_run_begins_its_network_before_it_loads_what_prepares_photographs(
    tiny_model: Path, drawn: SyntheticPhoto, tmp_path: Path
) -> None:
    program = (
        "import sys; from edgeseg import cli, network; real = network.Network\n"
        "def told(*of): print('edgeseg.segmenter' in sys.modules, 'cv2' in sys.modules); return real(*of)\n"
        "network.Network = told; cli.main()"
    )
    photograph = tmp_path / "eye.png"
    photograph.write_bytes(encode_png(drawn.photo))
    run = [
        sys.executable,
        "-c",
        program,
        "run",
        str(photograph),
        "--model",
        str(tiny_model),
        "-o",
        str(tmp_path),
    ]
    told = subprocess.run(run, capture_output=True, text=True, check=True)
    assert told.stdout.startswith("False True\n")
