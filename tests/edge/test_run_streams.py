"""`edgeseg run` on videos, streams and watched folders, as a user calls it."""

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
from edgeseg.imaging.photo import encode_png
from edgeseg.run.results.columns import json_schema
from edgeseg.run.sources.video import Video
from edgeseg.synthetic import generate_photo
from edgeseg.system.signals import StopRequest


@pytest.fixture(scope="module")
def eyes() -> list[Photo]:
    return [generate_photo(seed, 240).photo for seed in range(4)]


@pytest.fixture(scope="module")
def scenes(eyes: list[Photo]) -> list[tuple[str, Photo]]:
    """What a camera sees: an eye that moves, then a link that hangs, then dark, blurred, and no eye at all."""
    moving = [("good", np.roll(eyes[0], shift, axis=1)) for shift in (0, 5, 9, 14)]
    dark = [
        ("dark", (np.roll(eyes[1], shift, axis=1) * 0.2).astype(np.uint8)) for shift in (0, 5, 9)
    ]
    blurred = [
        ("blurred", cv2.GaussianBlur(np.roll(eyes[2], shift, axis=1), (0, 0), 5))
        for shift in (0, 5, 9)
    ]
    noise = np.random.default_rng(0)
    empty = [("no_fundus", noise.integers(0, 4, eyes[0].shape, np.uint8)) for _ in range(3)]
    frozen = [("frozen", moving[-1][1])] * 4
    return [
        (name, np.asarray(image, np.uint8))
        for name, image in (*moving, *frozen, *dark, *blurred, *empty)
    ]


def jpeg(photo: Photo) -> bytes:
    return bytes(
        cv2.imencode(
            ".jpg", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95]
        )[1]
    )


def write_video(file: Path, photos: Sequence[Photo], codec: str = "mp4v") -> None:
    height, width = photos[0].shape[:2]
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*codec), 12.0, (width, height))
    if not writer.isOpened():
        pytest.skip(f"OpenCV cannot write {codec} here")
    for photo in photos:
        writer.write(cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))
    writer.release()


def run(model: Path, *arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(
        cli, ["run", "--model", str(model), *map(str, arguments)], input=stdin
    )


def lines_of(done: Result) -> list[dict[str, object]]:
    validate = schema()
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        validate(line)
    return lines


def schema() -> Callable[[object], object]:
    fastjsonschema = pytest.importorskip(
        "fastjsonschema", reason="validating needs fastjsonschema (extra 'dev')"
    )
    return cast("Callable[[object], object]", fastjsonschema.compile(json_schema()))


def kind(line: dict[str, object]) -> str:
    """What the JSON line says of a frame, in the scenes' words."""
    judged = cast("dict[str, object]", line["quality"])
    reasons = cast("list[str]", judged["reasons"])
    if line["repeats"]:
        assert line["status"] == "skipped" or "frozen_frame" in cast("list[str]", line["warnings"])
        return "frozen"
    return ",".join(reasons) or "good"


def told_apart(lines: list[dict[str, object]], scenes: list[tuple[str, Photo]]) -> None:
    # The empty frames' noise is nearly the same in each: they may be told as frozen too.
    for line, (name, _) in zip(lines, scenes, strict=True):
        assert kind(line) == name or (name == "no_fundus" and line["reasons"] == ["no_fundus"])


@pytest.mark.parametrize(("ending", "codec"), [(".mp4", "mp4v"), (".avi", "MJPG")])
def test_a_video_s_lines_tell_its_stretches_apart(
    tiny_model: Path, scenes: list[tuple[str, Photo]], tmp_path: Path, ending: str, codec: str
) -> None:
    video = tmp_path / f"clip{ending}"
    write_video(video, [photo for _, photo in scenes], codec)
    done = run(tiny_model, video, "-o", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    lines = lines_of(done)
    told_apart(lines, scenes)
    assert [line["frame"] for line in lines] == list(range(1, len(scenes) + 1))
    assert lines[12]["position_s"] == 1.0
    (result,) = (tmp_path / "out").iterdir()
    assert cast("dict[str, str]", lines[0]["files"])["video"] == str(result)
    capture = cv2.VideoCapture(str(result))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == len(scenes)
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(12)


@pytest.mark.parametrize(("ending", "codec", "late"), [(".mp4", "mp4v", 3), (".avi", "MJPG", 0)])
def test_a_still_eye_is_not_frozen_and_a_frozen_stretch_stays_so_over_key_frames(
    tmp_path: Path, ending: str, codec: str, late: int
) -> None:
    chance, eye = np.random.default_rng(0), generate_photo(0, 320).photo

    def seen(count: int) -> list[Photo]:
        """A sensor's noise of two grey levels is all that changes."""
        noisy = (eye + chance.normal(0, 2, eye.shape) for _ in range(count))
        return [np.asarray(one.round().clip(0, 255), np.uint8) for one in noisy]

    first, second = seen(16), seen(16)
    frozen = [first[-1]] * 30  # longer than two key frames of MPEG-4 are apart
    write_video(tmp_path / f"clip{ending}", [*first, *frozen, *second], codec)
    video = Video(tmp_path / f"clip{ending}", "clip", "clip")
    repeats = [frame.repeats for frame in video.frames(StopRequest())]
    assert repeats[:16] == [0] * 16 == repeats[46:]
    assert repeats[16 + late : 46] == list(
        range(repeats[16 + late] or 0, (repeats[16 + late] or 0) + 30 - late)
    )
    assert repeats[45] and repeats[45] >= 30 - late


def test_a_stream_on_standard_input(
    tiny_model: Path, scenes: list[tuple[str, Photo]], tmp_path: Path
) -> None:
    stream = b"garbage".join(jpeg(photo) for _, photo in scenes)
    done = run(tiny_model, "-", "-o", tmp_path, "--json", "--no-overlay", stdin=stream)
    assert done.exit_code == 0, done.output
    told_apart(lines_of(done), scenes)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_frame_is_told_and_the_stream_goes_on(
    tiny_model: Path, eyes: list[Photo], tmp_path: Path
) -> None:
    whole = [jpeg(photo) for photo in eyes]
    stream = whole[0] + whole[1][: len(whole[1]) // 2] + whole[2] + whole[3]
    done = run(tiny_model, "-", "-o", tmp_path, "--json", stdin=stream)
    assert done.exit_code == 0, done.output
    assert [line["status"] == "failed" for line in lines_of(done)] == [False, True, False, False]
    assert done.stderr.count("frame 2") == 1


def test_frames_and_resume_of_a_video(tiny_model: Path, eyes: list[Photo], tmp_path: Path) -> None:
    video = tmp_path / "clip.avi"
    write_video(video, eyes, "MJPG")
    arguments = (video, "-o", tmp_path / "out", "--no-overlay", "--frames", "--resume", "--json")
    first = lines_of(run(tiny_model, *arguments))
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        f"clip_{n:06}_vessels.png" for n in range(1, 5)
    }
    assert all("reused" not in line for line in first)
    assert [line["reused"] for line in lines_of(run(tiny_model, *arguments))] == [True] * 4


def test_what_is_no_video_is_an_error_and_the_rest_goes_on(
    tiny_model: Path, eyes: list[Photo], tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "eye.png").write_bytes(encode_png(eyes[0]))
    done = run(
        tiny_model, tmp_path / "broken.mp4", tmp_path / "eye.png", "-o", tmp_path / "out", "--json"
    )
    assert done.exit_code == 3
    assert [line["status"] == "failed" for line in lines_of(done)] == [False, True]
    assert "broken.mp4" in done.stderr and "1 of 2" in done.stderr
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "eye_vessels.png",
        "eye_overlay.png",
    }


def test_ungradable_photographs_are_marked_and_can_be_skipped(
    tiny_model: Path, eyes: list[Photo], tmp_path: Path
) -> None:
    folder = tmp_path / "eyes"
    folder.mkdir()
    (folder / "good.png").write_bytes(encode_png(eyes[0]))
    (folder / "dark.png").write_bytes(encode_png((eyes[1] * 0.2).astype(np.uint8)))
    lines = lines_of(run(tiny_model, folder, "-o", tmp_path / "all", "--json"))
    assert [cast("dict[str, object]", line["quality"])["ungradable"] for line in lines] == [
        True,
        False,
    ]
    done = run(tiny_model, folder, "-o", tmp_path / "some", "--skip-ungradable")
    assert done.exit_code == 0 and "1 skipped" in done.stderr
    assert "dark" in done.stdout
    assert {file.name for file in (tmp_path / "some").iterdir()} == {
        "good_vessels.png",
        "good_overlay.png",
    }


def start(model: Path, *arguments: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "edgeseg", "run", "--model", str(model), *map(str, arguments)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_signals_close_a_stream_s_video(
    tiny_model: Path, eyes: list[Photo], tmp_path: Path, number: int, code: int
) -> None:
    with start(tiny_model, "-", "-o", tmp_path, "--json") as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"".join(jpeg(photo) for photo in eyes))
        process.stdin.flush()
        first = json.loads(process.stdout.readline())
        process.send_signal(number)  # while it waits for more of the stream
        said = 1 + len(process.stdout.readlines())
        assert process.wait(timeout=60) == code
    assert [str(file) for file in tmp_path.iterdir()] == [first["files"]["video"]]
    assert cv2.VideoCapture(first["files"]["video"]).get(cv2.CAP_PROP_FRAME_COUNT) >= said


def test_a_watched_folder(tiny_model: Path, eyes: list[Photo], tmp_path: Path) -> None:
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
        told = json.loads(process.stdout.readline())
        assert told["source"] == str(folder / "b.png") and told["status"] == "ok"
        process.terminate()
        assert process.wait(timeout=60) == 0
    with start(tiny_model, *arguments) as process:
        assert process.stdout is not None
        again = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.terminate()
        assert process.wait(timeout=60) == 0
    assert [line["reused"] for line in again] == [True] * 2
    names = {f"{stem}_{part}.png" for stem in "ab" for part in ("vessels", "overlay")}
    assert {file.name for file in (tmp_path / "out").iterdir()} == names
