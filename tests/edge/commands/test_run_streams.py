"""`edgeseg run` on videos, streams and watched folders, from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.encoder import encode_png
from edgeseg.run.results.columns import json_schema
from edgeseg.synthetic import generate_photo

Scene = tuple[str, Photo]


@pytest.fixture(scope="module")
def eyes() -> list[Photo]:
    return [generate_photo(seed, 240).photo for seed in range(4)]


@pytest.fixture(scope="module")
def scenes(eyes: list[Photo]) -> list[Scene]:
    """Scenes of a camera with their frames.

    The scenes are a moving eye, a frozen stream, dark frames, blurred frames, and no eye.
    """
    scenes: list[Scene] = []
    for shift in (0, 5, 9, 14):
        scenes.append(("good", np.roll(eyes[0], shift, axis=1)))
    for _ in range(4):
        scenes.append(("frozen", scenes[3][1]))
    for shift in (0, 5, 9):
        dark = (np.roll(eyes[1], shift, axis=1) * 0.2).astype(np.uint8)
        scenes.append(("dark", dark))
    for shift in (0, 5, 9):
        blurred = cv2.GaussianBlur(np.roll(eyes[2], shift, axis=1), (0, 0), 5)
        scenes.append(("blurred", np.asarray(blurred, np.uint8)))
    noise = np.random.default_rng(0)
    for _ in range(3):
        scenes.append(("no_fundus", noise.integers(0, 4, eyes[0].shape, np.uint8)))
    return scenes


def encode_jpeg(photo: Photo) -> bytes:
    image = cv2.cvtColor(photo, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def write_video(file: Path, photos: Sequence[Photo], codec: str = "mp4v") -> None:
    height, width = photos[0].shape[:2]
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*codec), 12.0, (width, height))
    if not writer.isOpened():
        pytest.skip(f"OpenCV cannot write {codec} here")
    for photo in photos:
        writer.write(cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))
    writer.release()


def run(model: Path, *arguments: str | Path, stdin: bytes | None = None) -> Result:
    command = ["run", "--model", str(model), *map(str, arguments)]
    return CliRunner().invoke(cli, command, input=stdin)


def start(model: Path, *arguments: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "edgeseg", "run", "--model", str(model), *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )


def compile_schema() -> Callable[[object], object]:
    fastjsonschema = pytest.importorskip(
        "fastjsonschema", reason="validation requires fastjsonschema (extra 'dev')"
    )
    return cast("Callable[[object], object]", fastjsonschema.compile(json_schema()))


def parse_lines(result: Result) -> list[dict[str, object]]:
    """Parse and validate the JSON lines of a run."""
    validate = compile_schema()
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    for line in lines:
        validate(line)
    return lines


def classify(line: dict[str, object]) -> str:
    """Return the scene that a JSON line reports for a frame."""
    if line.get("repeats"):
        assert "frozen_frame" in cast("list[str]", line["warnings"])
        return "frozen"
    quality = cast("dict[str, object]", line["quality"])
    return ",".join(cast("list[str]", quality["reasons"])) or "good"


def file_names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "mp4v"), (".avi", "MJPG")])
def test_run_of_video_reports_quality_of_each_frame(
    tiny_model: Path, scenes: list[Scene], tmp_path: Path, suffix: str, codec: str
) -> None:
    video = tmp_path / f"clip{suffix}"
    write_video(video, [photo for _, photo in scenes], codec)
    result = run(tiny_model, video, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    lines = parse_lines(result)
    expected = [name.replace("frozen", "good") for name, _ in scenes]
    assert [classify(line) for line in lines] == expected
    assert not any("repeats" in line or "dropped" in line for line in lines)
    assert [line["frame"] for line in lines] == list(range(1, len(scenes) + 1))
    assert lines[12]["position_s"] == 1.0
    (overlay,) = (tmp_path / "out").iterdir()
    assert cast("dict[str, str]", lines[0]["files"])["video"] == str(overlay)
    capture = cv2.VideoCapture(str(overlay))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == len(scenes)
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(12)


def test_run_of_mjpeg_stream_reports_quality_and_frozen_frames(
    tiny_model: Path, scenes: list[Scene], tmp_path: Path
) -> None:
    stream = b"garbage".join(encode_jpeg(photo) for _, photo in scenes)
    result = run(tiny_model, "-", "-o", tmp_path, "--json", "--no-overlay", stdin=stream)
    assert result.exit_code == 0, result.output
    lines = parse_lines(result)
    assert [classify(line) for line in lines] == [name for name, _ in scenes]
    assert [line["repeats"] for line in lines[:9]] == [0, 0, 0, 0, 1, 2, 3, 4, 0]
    assert list(tmp_path.iterdir()) == []


def test_run_of_mjpeg_stream_continues_after_damaged_frame(
    tiny_model: Path, eyes: list[Photo], tmp_path: Path
) -> None:
    jpegs = [encode_jpeg(photo) for photo in eyes]
    jpegs[1] = jpegs[1][: len(jpegs[1]) // 2]
    result = run(tiny_model, "-", "-o", tmp_path, "--json", stdin=b"".join(jpegs))
    assert result.exit_code == 3, result.output
    assert [line["status"] for line in parse_lines(result)] == ["ok", "failed", "ok", "ok"]
    assert result.stderr.count("frame 2") == 1


def test_run_of_video_writes_and_resumes_frames(
    tiny_model: Path, eyes: list[Photo], tmp_path: Path
) -> None:
    video = tmp_path / "clip.avi"
    write_video(video, eyes, "MJPG")
    arguments = (video, "-o", tmp_path / "out", "--no-overlay", "--frames", "--resume", "--json")
    first = parse_lines(run(tiny_model, *arguments))
    assert file_names(tmp_path / "out") == {f"clip_{n:06}_vessels.png" for n in range(1, 5)}
    assert not any("reused" in line for line in first)
    second = parse_lines(run(tiny_model, *arguments))
    assert [line["reused"] for line in second] == [True] * 4


def test_run_of_video_does_not_overwrite_foreign_overlay(
    tiny_model: Path, eyes: list[Photo], tmp_path: Path
) -> None:
    write_video(tmp_path / "clip.avi", eyes, "MJPG")
    (tmp_path / "clip_overlay.mp4").write_bytes(b"a video of the user")
    result = run(tiny_model, tmp_path / "clip.avi", "-o", tmp_path, "--json")
    assert result.exit_code == 3
    assert parse_lines(result)[0]["reasons"] == ["not_overwritten"]
    assert (tmp_path / "clip_overlay.mp4").read_bytes() == b"a video of the user"


def test_run_continues_after_file_that_is_not_a_video(
    tiny_model: Path, eyes: list[Photo], tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    (tmp_path / "eye.png").write_bytes(encode_png(eyes[0]))
    inputs = (tmp_path / "broken.mp4", tmp_path / "eye.png")
    result = run(tiny_model, *inputs, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 3
    lines = parse_lines(result)
    assert [line["status"] for line in lines] == ["ok", "failed"]
    assert lines[1]["reasons"] == ["unreadable_source"]
    assert "broken.mp4" in result.stderr
    assert "1 of 2" in result.stderr
    assert file_names(tmp_path / "out") == {"eye_vessels.png", "eye_overlay.jpg"}


def test_run_reports_and_skips_ungradable_photographs(
    tiny_model: Path, eyes: list[Photo], tmp_path: Path
) -> None:
    folder = tmp_path / "eyes"
    folder.mkdir()
    (folder / "good.png").write_bytes(encode_png(eyes[0]))
    (folder / "dark.png").write_bytes(encode_png((eyes[1] * 0.2).astype(np.uint8)))
    lines = parse_lines(run(tiny_model, folder, "-o", tmp_path / "all", "--json"))
    qualities = [cast("dict[str, object]", line["quality"]) for line in lines]
    assert [quality["ungradable"] for quality in qualities] == [True, False]
    result = run(tiny_model, folder, "-o", tmp_path / "some", "--skip-ungradable")
    assert result.exit_code == 0
    assert "1 skipped" in result.stderr
    assert "dark" in result.stdout
    assert file_names(tmp_path / "some") == {"good_vessels.png", "good_overlay.jpg"}


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_run_of_mjpeg_stream_closes_video_on_signal(
    tiny_model: Path, eyes: list[Photo], tmp_path: Path, number: int, code: int
) -> None:
    with start(tiny_model, "-", "-o", tmp_path, "--json") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"".join(encode_jpeg(photo) for photo in eyes))
        process.stdin.flush()
        first = json.loads(process.stdout.readline())
        process.send_signal(number)  # while it waits for the rest of the stream
        count = 1 + len(process.stdout.readlines())
        assert process.wait(timeout=60) == code
    assert [str(file) for file in tmp_path.iterdir()] == [first["files"]["video"]]
    assert cv2.VideoCapture(first["files"]["video"]).get(cv2.CAP_PROP_FRAME_COUNT) >= count


@pytest.mark.slow
def test_run_of_watched_folder_segments_and_resumes(
    tiny_model: Path, eyes: list[Photo], tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(encode_png(eyes[0]))
    arguments = ("--watch", folder, "-o", tmp_path / "out", "--resume", "--json")
    with start(tiny_model, *arguments) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["source"] == str(folder / "a.png")
        data = encode_png(eyes[1])
        (folder / "b.png").write_bytes(data[: len(data) // 2])
        time.sleep(1.5)
        (folder / "b.png").write_bytes(data)
        second = json.loads(process.stdout.readline())
        assert second["source"] == str(folder / "b.png")
        assert second["status"] == "ok"
        process.terminate()
        assert process.wait(timeout=60) == 0
    with start(tiny_model, *arguments) as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.terminate()
        assert process.wait(timeout=60) == 0
    assert [line["reused"] for line in lines] == [True] * 2
    expected = {"a_vessels.png", "a_overlay.jpg", "b_vessels.png", "b_overlay.jpg"}
    assert file_names(tmp_path / "out") == expected


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_run_camera_that_does_not_exist_reports_waiting_and_ends_by_signal(
    tiny_model: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    options = ["--camera", "/dev/none", "--model", str(tiny_model), "-o", str(tmp_path / "out")]
    # A background job and its children ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [sys.executable, "-m", "edgeseg", "run", *options], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.send_signal(number)
        others = process.stderr.readlines()
        assert process.wait(timeout=60) == code
    assert "camera /dev/none" in line and "Ctrl-C" in line
    assert not others
