"""Live sources: only the latest frame is kept, and the other frames are counted as dropped."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from edgeseg.errors import PhotoError
from edgeseg.run.frame import Frame
from edgeseg.run.sources.latest_frame import LatestFrameSource
from edgeseg.system.signals import StopRequest


@dataclass
class FakeSource:
    """Live source with a counter of `delivered` frames, which may end with an error."""

    count: int
    error: Exception | None = None
    delivered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    name: str = "fake"
    stem: str = "fake"
    total: None = None
    live: bool = True
    fps: float = 10.0
    ended: bool = False

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        for number in range(1, self.count + 1):
            if stop.asked:
                break
            yield Frame("fake", f"fake_{number}", bytes, number)
            self.delivered.release()
        self.ended = True
        if self.error:
            raise self.error


def test_latest_frame_source_drops_and_counts_older_frames() -> None:
    source = FakeSource(1000)
    frames = LatestFrameSource(source).frames(StopRequest())
    received = [next(frames)]
    for _ in range(1000):
        source.delivered.acquire()  # all frames have arrived
    received += list(frames)
    assert len(received) <= 3
    assert received[-1].number == 1000
    assert sum(1 + frame.dropped for frame in received) == 1000


def test_latest_frame_source_raises_error_of_source() -> None:
    frames = LatestFrameSource(FakeSource(1, PhotoError("gone"))).frames(StopRequest())
    with pytest.raises(PhotoError, match="gone"):
        list(frames)


def test_latest_frame_source_ends_endless_source_when_stopped() -> None:
    source = FakeSource(1 << 62)
    stop = StopRequest()
    for frame in LatestFrameSource(source).frames(stop):
        if frame.number:
            stop.ask()
    assert source.ended


def test_latest_frame_source_has_properties_of_source() -> None:
    source = LatestFrameSource(FakeSource(1))
    assert (source.name, source.stem, source.fps) == ("fake", "fake", 10.0)
    assert source.live
    assert source.total is None
