"""Where frames come from: cameras that go away, streams that are damaged, folders into which files are being copied."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.errors import PhotoError
from edgeseg.imaging.jpeg_markers import MAX_FRAME_BYTES, JpegSplitter
from edgeseg.imaging.photo import encode_png
from edgeseg.run.frame import Frame, timestamp_now
from edgeseg.run.sources.camera import Camera
from edgeseg.run.sources.frozen_frames import FrozenFrameDetector
from edgeseg.run.sources.latest_frame import LatestFrameSource
from edgeseg.run.sources.stdin import StdinMjpeg, StdinPhotograph, standard_input
from edgeseg.run.sources.watched_folder import WatchedFolder
from edgeseg.system.rate_limit import RateLimitedMessage
from edgeseg.system.signals import StopRequest

EYE = np.full((48, 64, 3), 90, np.uint8)
Image = npt.NDArray[np.uint8] | None


def jpeg(value: int, size: int = 32) -> bytes:
    picture = np.full((size, size, 3), value, np.uint8)
    picture[::3] = 255 - value
    return bytes(cv2.imencode(".jpg", picture)[1])


@dataclass
class FakeCapture:
    """Delivers what it is told to; None is a read without a picture."""

    pictures: list[Image]
    released: bool = False

    def isOpened(self) -> bool:  # noqa: N802
        return bool(self.pictures)

    def read(self) -> tuple[bool, Image]:
        image = self.pictures.pop(0) if self.pictures else None
        return image is not None, image

    def get(self, propId: int) -> float:  # noqa: N803
        return 0.0

    def release(self) -> None:
        self.released = True


@dataclass
class FakeDevice:
    """A camera that is there, goes away and comes back, as told."""

    times: list[list[Image]]
    opened: list[FakeCapture] = field(default_factory=list)

    def open(self, which: str | int) -> FakeCapture:
        self.opened.append(FakeCapture(self.times.pop(0) if self.times else []))
        return self.opened[-1]


def camera(device: FakeDevice, said: list[str]) -> Camera:
    return Camera("0", said.append, timestamp_now(), device.open, retry_s=0.0, patience=3)


def test_a_camera_that_goes_away_is_waited_for_and_taken_again() -> None:
    device, said, stop = (
        FakeDevice([[EYE] * 3, *[[]] * 50, [None, EYE, None, None, EYE]]),
        list[str](),
        StopRequest(),
    )
    frames = camera(device, said).frames(stop)
    assert [next(frames).number for _ in range(5)] == [1, 2, 3, 4, 5]
    stop.ask()
    assert list(frames) == []
    assert len(said) == 2 and "went away" in said[0] and "there again" in said[1]
    assert len(device.opened) == 52 and all(capture.released for capture in device.opened)


def test_a_camera_that_comes_and_goes_says_so_once_a_minute() -> None:
    device, said = FakeDevice([[EYE] for _ in range(20)]), list[str]()
    assert [
        frame.number for frame in islice(camera(device, said).frames(StopRequest()), 20)
    ] == list(range(1, 21))
    assert len(said) == 2 and "went away" in said[0] and "there again" in said[1]


def test_a_camera_that_is_not_there_yet_is_waited_for() -> None:
    device, said = FakeDevice([[], [], [EYE]]), list[str]()
    assert next(camera(device, said).frames(StopRequest())).number == 1
    assert "cannot be opened" in said[0]


def test_garbage_from_a_camera_is_that_frame_s_error() -> None:
    device, stop = (
        FakeDevice([[np.zeros((2, 2), np.uint8), np.zeros((0, 0, 3), np.uint8), EYE]]),
        StopRequest(),
    )
    first, second, third = islice(camera(device, []).frames(stop), 3)
    for garbage in (first, second):
        with pytest.raises(PhotoError):
            garbage.load()
    assert isinstance(third.load(), np.ndarray)


def test_frames_are_rgb() -> None:
    blue = np.zeros((4, 4, 3), np.uint8)
    blue[:, :, 0] = 200
    loaded = next(camera(FakeDevice([[blue]]), []).frames(StopRequest())).load()
    assert isinstance(loaded, np.ndarray) and loaded[0, 0].tolist() == [0, 0, 200]


@dataclass
class Paced:
    """Delivers frames when it is told to."""

    count: int
    taken: threading.Semaphore
    error: Exception | None = None
    name: str = "paced"
    stem: str = "paced"
    total: None = None
    live: bool = True
    fps: float = 10.0

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        for number in range(1, self.count + 1):
            yield Frame("paced", f"paced_{number}", bytes, number)
            self.taken.release()
        if self.error:
            raise self.error


def test_the_newest_frame_comes_first_and_dropped_ones_are_counted() -> None:
    taken = threading.Semaphore(0)
    frames = LatestFrameSource(Paced(1000, taken)).frames(StopRequest())
    got = [next(frames)]
    for _ in range(1000):
        taken.acquire()  # all of them have come meanwhile
    got += list(frames)
    assert len(got) <= 3 and got[-1].number == 1000
    assert sum(1 + frame.dropped for frame in got) == 1000


def test_an_error_of_the_source_comes_through() -> None:
    with pytest.raises(PhotoError, match="gone"):
        list(
            LatestFrameSource(Paced(1, threading.Semaphore(0), PhotoError("gone"))).frames(
                StopRequest()
            )
        )


def test_the_newest_of_an_endless_source_ends_when_asked() -> None:
    device, stop = FakeDevice([[EYE] * 100_000]), StopRequest()
    for frame in LatestFrameSource(camera(device, [])).frames(stop):
        if frame.number:
            stop.ask()
    assert device.opened[0].released


def test_one_line_a_minute() -> None:
    said, time = list[str](), [0.0]
    tell = RateLimitedMessage(said.append, clock=lambda: time[0])
    for second in range(121):
        time[0] = float(second)
        tell("away")
    assert said == ["away", "away (and 59 more like it)", "away (and 59 more like it)"]


@given(
    st.integers(1, 400),
    st.lists(st.integers(0, 255), min_size=1, max_size=4),
    st.binary(max_size=5),
)
def test_a_stream_of_jpegs_is_split_however_it_arrives(
    block: int, values: list[int], between: bytes
) -> None:
    between = between.replace(b"\xff", b"\xfe")
    whole = [jpeg(value) for value in values]
    stream, splitter, got = between.join(whole) + between, JpegSplitter(), list[bytes]()
    for start in range(0, len(stream), block):
        got += splitter.feed(stream[start : start + block])
    assert got == whole


def test_a_thumbnail_within_a_jpeg_is_a_part_of_it() -> None:
    outer, thumbnail = jpeg(50), jpeg(200, 8)
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    with_thumbnail = outer[:2] + segment + outer[2:]
    assert JpegSplitter().feed(with_thumbnail + outer) == [with_thumbnail, outer]


def test_a_picture_without_an_end_does_not_fill_the_memory() -> None:
    splitter, block = JpegSplitter(), bytes(1 << 20)
    splitter.feed(jpeg(1)[:-2])
    for _ in range((MAX_FRAME_BYTES >> 20) + 3):
        assert splitter.feed(block) == []
        assert len(splitter.rest) <= MAX_FRAME_BYTES
    assert splitter.feed(jpeg(2)) == [jpeg(2)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        jpeg(3),
        jpeg(3)[:-40],
        jpeg(3) + b"\0" * 9,
        encode_png(EYE),
        b"P5 2 2 255\n1234",
        b"what is this",
    ],
)
def test_one_photograph_on_standard_input_is_one(data: bytes) -> None:
    source = standard_input(StopRequest(), timestamp_now(), io.BytesIO(data))
    assert isinstance(source, StdinPhotograph)
    assert [frame.load() for frame in source.frames(StopRequest())] == [data]


def test_a_photograph_that_brings_its_preview_is_no_stream() -> None:
    photograph = jpeg(3)[:2] + b"\xff\xe2\0\x06MPF\0" + jpeg(3)[2:] + jpeg(3, 8)
    assert isinstance(
        standard_input(StopRequest(), timestamp_now(), io.BytesIO(photograph)), StdinPhotograph
    )


def test_a_stream_is_told_while_it_goes_on() -> None:
    ours, theirs = os.pipe()
    os.write(theirs, jpeg(1) + jpeg(2))
    stop = StopRequest()
    with open(ours, "rb") as stream:  # noqa: PTH123
        source = standard_input(stop, timestamp_now(), stream)
        assert isinstance(source, StdinMjpeg)
        frames = source.frames(stop)
        assert [next(frames).load() for _ in range(2)] == [jpeg(1), jpeg(2)]
        os.write(theirs, jpeg(3))
        assert next(frames).load() == jpeg(3)
        os.close(theirs)
        assert list(frames) == []


def watched(folder: Path, said: list[str], patience_s: float = 30.0) -> WatchedFolder:
    return WatchedFolder(folder, folder / "out", said.append, look_s=0.01, patience_s=patience_s)


def at_the_next_look(stop: StopRequest, *steps: Callable[[], object]) -> None:
    """Do the steps one after the other, with some looks between them, then end the watching."""
    for step in steps:
        StopRequest().pause(0.15)
        step()
    StopRequest().pause(0.15)
    stop.ask()


def watch(folder: Path, *steps: Callable[[], object], patience_s: float = 30.0) -> list[str]:
    stop, said = StopRequest(), list[str]()
    thread = threading.Thread(target=at_the_next_look, args=(stop, *steps))
    thread.start()
    names = [Path(frame.name).name for frame in watched(folder, said, patience_s).frames(stop)]
    thread.join()
    return [*names, *said]


def test_half_written_files_are_left_until_they_are_whole(tmp_path: Path) -> None:
    files = {"a.png": encode_png(EYE), "b.jpg": jpeg(5)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data[: len(data) // 2])
    assert watch(tmp_path) == []
    steps = [partial((tmp_path / name).write_bytes, data) for name, data in files.items()]
    assert watch(tmp_path, *steps) == ["a.png", "b.jpg"]


def test_a_file_that_never_becomes_whole_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(EYE)[:-20])
    assert watch(tmp_path, patience_s=0.05) == ["a.png"]


def test_a_changed_photograph_is_taken_again_and_others_are_not(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(encode_png(EYE))
    assert watch(tmp_path, lambda: (tmp_path / "a.png").write_bytes(encode_png(EYE + 9))) == [
        "a.png",
        "b.png",
        "a.png",
    ]


def test_the_second_photograph_of_one_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(EYE))
    (tmp_path / "a.jpg").write_bytes(jpeg(5))
    stop = StopRequest()
    frames = watched(tmp_path, []).frames(stop)
    first, second = next(frames), next(frames)
    first.load()
    with pytest.raises(PhotoError, match="rename"):
        second.load()


def test_a_folder_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    folder, away = tmp_path / "in", tmp_path / "away"
    folder.mkdir()
    (folder / "a.png").write_bytes(encode_png(EYE))
    told = watch(folder, lambda: folder.rename(away), lambda: away.rename(folder))
    assert told[0] == "a.png" and len(told) == 2 and "waiting" in told[1]


def test_repeats_are_counted_and_end_with_the_next_picture() -> None:
    chance = np.random.default_rng(0)
    pictures = [chance.integers(0, 255, (90, 120, 3), dtype=np.uint8) for _ in range(3)]
    repeats = FrozenFrameDetector()
    assert [repeats.of(pictures[n]) for n in (0, 0, 0, 1, 2, 2)] == [0, 1, 2, 0, 0, 1]
    assert repeats.of(pictures[2][:50]) == 0
