"""The shipped model files are what `edgeseg convert` makes of the shipped checkpoint, and what their card says."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner

from edgeseg import Segmenter
from edgeseg.cli import cli
from edgeseg.datasets import open_data
from edgeseg.evaluation import evaluate
from edgeseg.metrics import count
from edgeseg.model_card import read_card
from edgeseg.models import FOLDER, SHIPPED
from edgeseg.synthetic import draw
from edgeseg_export.publish import sha256

CHECKPOINT = Path(__file__).parents[2] / "train" / "checkpoints" / "compact.pt"


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted")
    done = CliRunner().invoke(cli, ["convert", str(CHECKPOINT), "-o", str(folder), "--precision", "fp32"])
    assert done.exit_code == 0, done.output
    return folder


def test_every_shipped_file_is_made_from_the_checkpoint(converted: Path) -> None:
    shipped = {file.name for file in FOLDER.glob("*.onnx")}
    assert shipped == {file.name for file in converted.glob("*.onnx")}
    assert {f"{stem}.fp32.onnx" for stem in SHIPPED.values()} <= shipped
    for name in shipped:
        ours, theirs = (onnx.load(folder / name).graph for folder in (FOLDER, converted))
        assert {t.name: t.raw_data for t in ours.initializer} == {t.name: t.raw_data for t in theirs.initializer}
        assert read_card(FOLDER / name) == read_card(converted / name)
        assert read_card(FOLDER / name).checkpoint_sha256 == sha256(CHECKPOINT)


def test_no_shipped_weights_carry_data_for_research_only() -> None:
    for stem in SHIPPED.values():
        trained_on = {data.name for data in read_card(FOLDER / f"{stem}.fp32.onnx").training_data}
        assert trained_on <= {"chasedb1", "hrf", "fives", "synthetic"}


def test_it_finds_the_vessels_of_a_drawn_photograph() -> None:
    drawn = draw(3, 768)
    found = Segmenter().segment(drawn.photo)
    assert count(found.mask, drawn.truth, drawn.fov).dice > 0.75


def test_drive_with_a_fiftieth_of_the_reference_systems_work(data_root: Path) -> None:
    segmenter = Segmenter(precision="fp32")
    assert segmenter.card.gmac is not None and segmenter.card.gmac <= 389.03 / 50
    evidence = evaluate(segmenter, open_data(f"drive:{data_root / 'DRIVE'}", "test"), "native")
    assert evidence.mean is not None and evidence.mean.dice >= 0.78
