"""Standard input with a photograph or a Motion JPEG stream."""

from __future__ import annotations

import io
import os
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edgeseg.errors import PhotoError
from edgeseg.imaging.encoder import encode_png
from edgeseg.run.frame import timestamp_now
from edgeseg.run.sources.stdin import StdinMjpeg, StdinPhotograph, open_stdin
from edgeseg.system.signals import StopRequest


def encode_jpeg(value: int, size: int = 32) -> bytes:
    image = np.full((size, size, 3), value, np.uint8)
    image[::3] = 255 - value
    return bytes(cv2.imencode(".jpg", image)[1])


def open_bytes(monkeypatch: pytest.MonkeyPatch, data: bytes) -> StdinMjpeg | StdinPhotograph:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    return open_stdin(StopRequest(), timestamp_now())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        encode_jpeg(3),
        encode_jpeg(3)[:-40],
        encode_jpeg(3) + b"\0" * 9,
        encode_png(np.full((48, 64, 3), 90, np.uint8)),
        b"P5 2 2 255\n1234",
        b"what is this",
    ],
)
def test_open_stdin_returns_photograph(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    source = open_bytes(monkeypatch, data)
    assert isinstance(source, StdinPhotograph)
    assert [frame.load() for frame in source.frames(StopRequest())] == [data]


def test_open_stdin_returns_photograph_when_jpeg_contains_preview(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jpeg = encode_jpeg(3)
    with_preview = jpeg[:2] + b"\xff\xe2\0\x06MPF\0" + jpeg[2:] + encode_jpeg(3, 8)
    assert isinstance(open_bytes(monkeypatch, with_preview), StdinPhotograph)


def test_open_stdin_fails_when_photograph_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeseg.run.sources.stdin.MAX_FILE_BYTES", 1000)
    with pytest.raises(PhotoError, match="standard input") as caught:
        open_bytes(monkeypatch, encode_png(np.zeros((300, 300, 3), np.uint8)) + bytes(1 << 20))
    assert caught.value.code == "too_large"


def test_open_stdin_fails_when_standard_input_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(PhotoError, match="standard input"):
        open_stdin(StopRequest(), timestamp_now())


def test_open_stdin_yields_frames_of_stream_as_they_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.write(writer, encode_jpeg(1) + encode_jpeg(2))
    stop = StopRequest()
    with open(reader, "rb") as stream:  # noqa: PTH123
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream))
        source = open_stdin(stop, timestamp_now())
        assert isinstance(source, StdinMjpeg)
        frames = source.frames(stop)
        assert [next(frames).load() for _ in range(2)] == [encode_jpeg(1), encode_jpeg(2)]
        os.write(writer, encode_jpeg(3))
        third = next(frames)
        assert third.load() == encode_jpeg(3)
        assert third.number == 3
        assert third.live
        os.close(writer)
        assert list(frames) == []


def test_open_stdin_yields_truncated_last_frame_of_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    data = [encode_jpeg(1), encode_jpeg(2), encode_jpeg(3)[:-40]]
    source = open_bytes(monkeypatch, b"".join(data))
    assert isinstance(source, StdinMjpeg)
    assert [frame.load() for frame in source.frames(StopRequest())] == data
