"""Calls of one Segmenter from several threads at the same time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import edgeseg
from edgeseg import Segmenter
from edgeseg.imaging.arrays import Photo, Probability
from edgeseg.models.catalog import PrecisionChoice
from edgeseg.synthetic import SyntheticPhoto


class CountingRuntime:
    """Runtime that records how many inferences run at the same time."""

    name = "onnxruntime"
    compute = "CPUExecutionProvider"

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()

    def infer(self, photo: npt.NDArray[np.uint8]) -> Probability:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(0.005)  # other threads can begin
        with self._lock:
            self.running -= 1
        return np.zeros(photo.shape[1:3], np.float32)


def infer_in_threads(segmenter: Segmenter, photo: Photo, callers: int) -> None:
    """Infer a photograph three times in each of several threads."""
    prepared = segmenter.prepare(photo)
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(lambda _: segmenter.infer(prepared), range(3 * callers)))


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the segmenter use four cores."""
    monkeypatch.setattr(edgeseg.segmenter, "usable_cores", lambda: 4)


@pytest.mark.parametrize(
    ("threads", "callers", "expected"), [(None, 1, 4), (None, 2, 2), (None, 8, 1), (3, 4, 3)]
)
def test_segmenter_with_several_callers_divides_the_cores(
    threads: int | None,
    callers: int,
    expected: int,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edgeseg.device.cpu.usable_cores", lambda: 4)
    segmenter = Segmenter(tiny_model, runtime="onnxruntime", threads=threads, callers=callers)
    assert segmenter.threads == expected


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(("threads", "expected"), [(1, 4), (3, 2)])
def test_segmenter_shared_by_threads_limits_parallel_inferences(
    threads: int,
    expected: int,
    tiny_model: Path,
    drawn: SyntheticPhoto,
) -> None:
    runtime = CountingRuntime()
    segmenter = Segmenter(tiny_model, runtime=runtime, threads=threads)
    infer_in_threads(segmenter, drawn.photo, callers=12)
    assert runtime.most == expected


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(("precision", "expected"), [("fp32", 1), ("int8", 2)])
def test_segmenter_of_a_large_float_model_infers_once_at_a_time_with_all_cores(
    precision: PrecisionChoice,
    expected: int,
    drawn: SyntheticPhoto,
) -> None:
    runtime = CountingRuntime()
    segmenter = Segmenter("detail", precision, runtime=runtime, threads=4)
    infer_in_threads(segmenter, drawn.photo, callers=4)
    assert runtime.most == expected
