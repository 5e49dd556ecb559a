"""Processing stages of a frame."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.required_memory import estimate_bytes
from edgeseg.imaging.size_limits import MAX_REQUIRED_BYTES
from edgeseg.run import runner
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import collect_inputs
from edgeseg.run.options import RunOptions
from edgeseg.run.processed_frames import SegmentedFrame
from edgeseg.run.runner import InputCounts, Runner
from edgeseg.run.sources.photographs import Photographs
from edgeseg.run.stages import Stages
from edgeseg.segmenter import Segmenter
from edgeseg.synthetic import generate_photo
from edgeseg.system.memory_budget import MemoryBudget
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


class RecordingBudget(MemoryBudget):
    """Budget that stores the reservations and requests a stop before one of them."""

    def __init__(self, limit: int, stop: StopRequest, stop_before: int) -> None:
        super().__init__(limit)
        self.reserved: list[int] = []
        self._stop, self._stop_before = stop, stop_before

    @contextmanager
    def reserve(self, required: int, timeout_s: float | None = None) -> Iterator[None]:
        self.reserved.append(required)
        if len(self.reserved) > self._stop_before:
            self._stop.ask()
        with super().reserve(required, timeout_s):
            yield


def run_with_budget(
    segmenter: Segmenter, folder: Path, monkeypatch: pytest.MonkeyPatch, stop_before: int
) -> tuple[RecordingBudget, InputCounts]:
    """Run four photographs in two threads."""
    photographs = folder / "in"
    photographs.mkdir()
    for number in range(4):
        (photographs / f"{number}.png").write_bytes(PNG)
    stop = StopRequest()
    budget = RecordingBudget(MAX_REQUIRED_BYTES, stop, stop_before)
    monkeypatch.setattr(runner, "MemoryBudget", lambda limit: budget)
    monkeypatch.setattr(runner, "count_workers", lambda total: 2)
    source = Photographs(collect_inputs([str(photographs)]).inputs)
    options = RunOptions(folder / "out")
    options.output.mkdir()
    counts = Runner(segmenter, options).run_source(source, stop, lambda: None)
    return budget, counts


def test_runner_reserves_memory_of_each_photograph(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget, counts = run_with_budget(segmenter, tmp_path, monkeypatch, stop_before=4)
    assert budget.reserved == [estimate_bytes(PNG)] * 4
    assert (counts.total, counts.failed, counts.unfinished) == (4, 0, 0)


def test_runner_omits_photograph_if_stop_is_asked_while_it_waits_for_memory(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, counts = run_with_budget(segmenter, tmp_path, monkeypatch, stop_before=0)
    assert (counts.total, counts.failed, counts.unfinished) == (4, 0, 4)
    assert not list((tmp_path / "out").iterdir())


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
