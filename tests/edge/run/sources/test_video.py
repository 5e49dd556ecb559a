"""Video files: frames, times, and damage."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import PhotoError
from edgeseg.imaging.jpeg_markers import JpegSplitter
from edgeseg.imaging.photo import decode_photo
from edgeseg.run.inputs import Input
from edgeseg.run.sources.video import Video
from edgeseg.system.signals import StopRequest


def write_video(file: Path, count: int, codec: str = "MJPG", noise: int = 0) -> None:
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*codec), 12.0, (64, 48))
    if not writer.isOpened():
        pytest.skip(f"OpenCV cannot write {codec} here")
    generator = np.random.default_rng(0)
    for number in range(count):
        image = 10 * number + generator.integers(0, noise + 1, (48, 64, 3))
        writer.write(image.astype(np.uint8))
    writer.release()


def read_video(file: Path) -> tuple[int, int, bool]:
    """Return the number of frames, of rejected frames, and whether the video itself failed."""
    frames = []
    failed = False
    try:
        for frame in Video(file, file.name, file.stem).frames(StopRequest()):
            frames.append(frame)
    except PhotoError:
        failed = True
    rejected = 0
    for frame in frames:
        data = frame.load()
        try:
            if isinstance(data, bytes):
                decode_photo(data)
        except PhotoError:
            rejected += 1
    return len(frames), rejected, failed


def test_video_yields_every_frame_with_number_and_position(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", 24)
    video = Video(tmp_path / "clip.avi", "clip.avi", "clip")
    frames = list(video.frames(StopRequest()))
    assert video.total == 24
    assert video.fps == pytest.approx(12)
    assert [frame.number for frame in frames] == list(range(1, 25))
    assert frames[12].position_s == pytest.approx(1.0)
    assert frames[0].stem == "clip_000001"
    assert not any(frame.live for frame in frames)
    data = frames[7].load()
    assert isinstance(data, bytes)
    photo = decode_photo(data)
    assert photo.shape == (48, 64, 3)
    assert photo.mean() == pytest.approx(70, abs=3)


def test_video_ends_when_stopped(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", 24)
    stop = StopRequest()
    frames = Video(tmp_path / "clip.avi", "clip.avi", "clip").frames(stop)
    assert next(frames).number == 1
    stop.ask()
    assert list(frames) == []


def test_video_frame_with_the_name_of_a_photograph_gets_a_number(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", 2)
    photographs = [Input("Clip_000002.png", "Clip_000002", tmp_path / "Clip_000002.png")]
    video = Video(tmp_path / "clip.avi", "clip.avi", "clip", photographs)
    stems = [frame.stem for frame in video.frames(StopRequest())]
    assert stems == ["clip_000001", "clip_000002_2"]


def test_video_deleted_before_its_frames_are_read_fails(tmp_path: Path) -> None:
    for codec in ("MJPG", "mp4v"):
        file = tmp_path / f"{codec}.avi"
        write_video(file, 2, codec)
        video = Video(file, file.name, file.stem)
        file.unlink()
        with pytest.raises(PhotoError):
            list(video.frames(StopRequest()))


def test_video_deleted_while_its_frames_are_read_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    write_video(file, 12, "mp4v")
    frames = Video(file, file.name, file.stem).frames(StopRequest())
    next(frames)
    file.unlink()
    assert len(list(frames)) == 11


def test_video_fails_when_frames_are_missing(tmp_path: Path) -> None:
    file = tmp_path / "clip.avi"
    write_video(file, 24)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(PhotoError, match=r"clip\.avi"):
        list(Video(file, "clip.avi", "clip").frames(StopRequest()))


def test_video_fails_when_file_is_not_a_video(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"not a video")
    video = Video(tmp_path / "clip.mp4", "clip.mp4", "clip")
    assert video.total is None
    with pytest.raises(PhotoError, match=r"clip\.mp4"):
        list(video.frames(StopRequest()))


@pytest.mark.parametrize("ending", [".avi", ".mjpeg"])
def test_video_with_blank_bytes_rejects_frames_or_fails(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"clip{ending}"
    write_video(tmp_path / "clip.avi", 24, noise=40)
    if ending == ".mjpeg":
        jpegs = JpegSplitter().feed((tmp_path / "clip.avi").read_bytes())
        file.write_bytes(b"".join(jpegs))
    data = file.read_bytes()
    assert read_video(file) == (24, 0, False)
    start = data.find(b"\xff\xd8\xff")
    for position in range(start, len(data) - 2000, len(data) // 25):
        file.write_bytes(data[:position] + bytes(512) + data[position + 512 :])
        frames, rejected, failed = read_video(file)
        assert frames >= 22, position
        assert rejected or failed, position


def test_video_avi_chunk_with_wrong_size_keeps_other_frames(tmp_path: Path) -> None:
    file = tmp_path / "clip.avi"
    write_video(file, 24, noise=40)
    data = file.read_bytes()
    chunk = data.find(b"00dc", data.find(b"00dc", data.find(b"movi") + 4) + 4)
    for size in (b"\xff\xff\xff\x7f", b"\x10\x00\x00\x00", b"\x00\x20\x00\x00"):
        file.write_bytes(data[: chunk + 4] + size + data[chunk + 8 :])
        frames, rejected, failed = read_video(file)
        assert frames - rejected >= 22
        assert rejected or failed


def test_video_avi_without_huffman_tables_is_read(tmp_path: Path) -> None:
    """Many cameras omit the standard tables."""
    image = np.random.default_rng(0).integers(0, 60, (48, 64, 3)).astype(np.uint8)
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    expected = decode_photo(jpeg)
    while (start := jpeg.find(b"\xff\xc4")) >= 0:
        length = int.from_bytes(jpeg[start + 2 : start + 4], "big")
        jpeg = jpeg[:start] + jpeg[start + 2 + length :]
    (tmp_path / "clip.mjpeg").write_bytes(jpeg * 3)
    frames = list(Video(tmp_path / "clip.mjpeg", "clip", "clip").frames(StopRequest()))
    assert len(frames) == 3
    data = frames[2].load()
    assert isinstance(data, bytes)
    np.testing.assert_array_equal(decode_photo(data), expected)


def test_video_fails_when_decoder_conceals_damage(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    write_video(file, 24, "mp4v", noise=40)
    assert read_video(file) == (24, 0, False)
    data = file.read_bytes()
    middle = len(data) // 2
    file.write_bytes(data[:middle] + bytes(512) + data[middle + 512 :])
    _, _, failed = read_video(file)
    assert failed


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_video_truncated_webm_fails_without_decoder_error(tmp_path: Path, share: float) -> None:
    file = tmp_path / "clip.webm"
    write_video(file, 24, "VP80", noise=40)
    assert read_video(file) == (24, 0, False)
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    frames, _, failed = read_video(file)
    assert frames < 24
    assert failed


def test_video_special_file_fails_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "clip.avi")
    video = Video(tmp_path / "clip.avi", "clip.avi", "clip")
    with pytest.raises(PhotoError, match=r"clip\.avi"):
        list(video.frames(StopRequest()))
