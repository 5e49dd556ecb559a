"""Processing stages of a frame."""

from pathlib import Path

import numpy as np
import pytest

from edgeseg.imaging.encoder import encode_png
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import collect_inputs
from edgeseg.run.options import RunOptions
from edgeseg.run.processed_frames import SegmentedFrame
from edgeseg.run.runner import Runner
from edgeseg.run.sources.photographs import Photographs
from edgeseg.run.stages import Stages
from edgeseg.segmenter import Segmenter
from edgeseg.synthetic import generate_photo
from edgeseg.system.signals import StopRequest

PNG = encode_png(generate_photo(1, 200).photo)


@pytest.fixture
def segmenter(tiny_model: Path) -> Segmenter:
    return Segmenter(tiny_model)


def test_stages_write_does_not_change_photograph(segmenter: Segmenter, tmp_path: Path) -> None:
    stages = Stages(segmenter, RunOptions(tmp_path), ("vessels", "overlay"), resume=False)
    segmented = stages.decode_and_segment(Frame("eye", "eye", lambda: PNG))
    assert isinstance(segmented, SegmentedFrame)
    before = segmented.decoded.photo.copy()
    stages.write(segmented)
    assert (tmp_path / "eye_overlay.jpg").is_file()
    assert np.array_equal(segmented.decoded.photo, before)


def test_runner_reports_photograph_after_its_files_exist(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    photographs = tmp_path / "in"
    photographs.mkdir()
    for number in range(8):
        (photographs / f"{number}.png").write_bytes(PNG)
    output = tmp_path / "out"
    output.mkdir()
    reported: list[bool] = []

    def advance() -> None:
        stem = len(reported)
        files = [output / f"{stem}_vessels.png", output / f"{stem}_overlay.jpg"]
        reported.append(all(file.is_file() for file in files))

    source = Photographs(collect_inputs([str(photographs)]).inputs)
    Runner(segmenter, RunOptions(output)).run_source(source, StopRequest(), advance)
    assert reported == [True] * 8
