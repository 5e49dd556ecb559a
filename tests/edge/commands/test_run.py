"""`edgeseg run` from the command line."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeseg import Segmenter
from edgeseg.cli import cli
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.imaging.overlay import draw_overlay
from edgeseg.imaging.photo import decode_photo, read_mask, read_photo
from edgeseg.run import stages
from edgeseg.synthetic import generate_photo

STAGES = ("decode", "field_of_view", "preprocess", "infer", "postprocess")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    for seed in range(3):
        (folder / f"eye{seed}.png").write_bytes(encode_png(generate_photo(seed, 200).photo))
    return folder


def run(model: Path, *arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(
        cli, ["run", "--model", str(model), *map(str, arguments)], input=stdin
    )


def test_run_folder_writes_masks_and_overlays(
    tiny_model: Path, photographs: Path, tmp_path: Path
) -> None:
    done = run(tiny_model, photographs, "-o", tmp_path)
    assert done.exit_code == 0, done.output
    expected = {f"eye{n}_{name}" for n in range(3) for name in ("vessels.png", "overlay.jpg")}
    assert {file.name for file in tmp_path.iterdir()} == expected
    assert len(done.stdout.splitlines()) == 3
    result = Segmenter(tiny_model).segment(photographs / "eye1.png")
    assert np.array_equal(read_mask(tmp_path / "eye1_vessels.png"), result.mask)
    assert np.array_equal(
        read_photo(tmp_path / "eye1_overlay.jpg"),
        decode_photo(encode_jpeg(draw_overlay(result.photo, result.mask))),
    )


def test_run_large_photograph_writes_exact_pixels(tiny_model: Path, tmp_path: Path) -> None:
    photo = generate_photo(3, 600).photo
    (tmp_path / "eye.png").write_bytes(encode_png(photo))
    options = ("-o", tmp_path / "out", "--probability", "--overlay-format", "png")
    assert run(tiny_model, tmp_path / "eye.png", *options).exit_code == 0
    found = Segmenter(tiny_model).segment(photo)
    assert np.array_equal(read_mask(tmp_path / "out" / "eye_vessels.png"), found.mask)
    assert np.array_equal(
        read_photo(tmp_path / "out" / "eye_overlay.png"), draw_overlay(photo, found.mask)
    )
    written = cv2.imread(str(tmp_path / "out" / "eye_probability.png"), cv2.IMREAD_UNCHANGED)
    assert written is not None and np.array_equal(written, (found.probability * 65535).round())


def test_run_json_prints_only_json(tiny_model: Path, photographs: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG and no more")
    done = run(
        tiny_model,
        photographs,
        broken,
        "-o",
        tmp_path / "out",
        "--json",
        "--no-overlay",
        "--probability",
    )
    assert done.exit_code == 3
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 4
    assert [line["status"] for line in lines] == ["ok", "ok", "ok", "failed"]
    assert lines[3]["reasons"] == ["undecodable"]
    assert lines[0]["threshold"] == 0.5 and 0 < lines[0]["vessel_density"] < 1
    assert set(lines[0]["timings_ms"]) == {*STAGES, "quality", "encode", "write"}
    assert "broken.png" in done.stderr and "1 of 4" in done.stderr
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {f"eye{n}_{part}.png" for n in range(3) for part in ("vessels", "probability")}


def test_run_reads_standard_input(tiny_model: Path, photographs: Path, tmp_path: Path) -> None:
    done = run(
        tiny_model, "-", "-o", tmp_path, "--json", stdin=(photographs / "eye0.png").read_bytes()
    )
    assert done.exit_code == 0, done.output
    assert Path(json.loads(done.stdout)["files"]["mask"]).exists()


def test_run_again_skips_own_results(tiny_model: Path, photographs: Path, tmp_path: Path) -> None:
    for seed in range(2):
        (tmp_path / f"{seed}.png").write_bytes((photographs / f"eye{seed}.png").read_bytes())
    assert run(tiny_model, tmp_path, "-o", tmp_path).exit_code == 0
    before = {file.name for file in tmp_path.iterdir()}
    again = run(tiny_model, tmp_path, "-o", tmp_path)
    assert again.exit_code == 0 and len(again.stdout.splitlines()) == 2
    assert {file.name for file in tmp_path.iterdir()} == before


def test_run_does_not_overwrite_foreign_files(
    tiny_model: Path, photographs: Path, tmp_path: Path
) -> None:
    """The output folder contains a manual mask, and a link to a photograph."""
    drawn, linked = tmp_path / "eye0_vessels.png", tmp_path / "eye1_overlay.jpg"
    drawn.write_bytes(encode_png(generate_photo(0, 200).truth))
    linked.symlink_to(photographs / "eye1.png")
    before = drawn.read_bytes(), linked.read_bytes()
    done = run(tiny_model, photographs, "-o", tmp_path)
    assert done.exit_code == 3 and len(done.stdout.splitlines()) == 1
    assert f"refusing to overwrite {drawn}" in done.stderr
    assert (drawn.read_bytes(), linked.read_bytes()) == before
    assert not (tmp_path / "eye0_overlay.jpg").exists()


def test_run_rewrites_truncated_result(tiny_model: Path, photographs: Path, tmp_path: Path) -> None:
    arguments = (photographs / "eye0.png", "-o", tmp_path, "--no-overlay")
    result = tmp_path / "eye0_vessels.png"
    run(tiny_model, *arguments)
    whole = result.read_bytes()
    for rest in (whole[:600], b""):
        result.write_bytes(rest)
        assert run(tiny_model, *arguments).exit_code == 0
        assert result.read_bytes() == whole


def test_run_result_name_too_long_exits_7(
    tiny_model: Path, photographs: Path, tmp_path: Path
) -> None:
    long = tmp_path / f"{'n' * 250}.png"
    long.write_bytes((photographs / "eye0.png").read_bytes())
    done = run(tiny_model, long, "-o", tmp_path / "out")
    assert done.exit_code == 7 and "too long" in done.stderr


@pytest.mark.parametrize(
    ("closed", "named", "code"), [("2>&-", "", 0), ("<&-", "-", 3), ("<&- >&- 2>&-", "", 0)]
)
def test_run_with_closed_standard_streams_has_no_traceback(
    tiny_model: Path, photographs: Path, tmp_path: Path, closed: str, named: str, code: int
) -> None:
    words = [sys.executable, "-m", "edgeseg", "run", "--model", tiny_model, "-o", tmp_path]
    words.append(named or photographs / "eye0.png")
    command = f"{shlex.join(map(str, words))} {closed}"
    done = subprocess.run(command, shell=True, check=False, capture_output=True, text=True)
    assert done.returncode == code and "Traceback" not in done.stderr
    assert (tmp_path / "eye0_vessels.png").exists() == (code == 0)


def test_run_undecodable_file_name_is_printed_with_question_mark(
    tiny_model: Path, photographs: Path, tmp_path: Path
) -> None:
    try:
        odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/eye\xff.png"))
        odd.write_bytes((photographs / "eye0.png").read_bytes())
    except (OSError, ValueError):
        pytest.skip("this file system's names are text")
    record = json.loads(run(tiny_model, odd, "-o", tmp_path, "--json").stdout)
    assert record["source"].endswith("eye?.png") and record["files"]["mask"].endswith(
        "eye?_vessels.png"
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["nowhere.png"], 2),
        ([""], 2),
        (["--watch", "nowhere"], 2),
        (["--threshold", "1.5", "x"], 2),
        (["--precision", "int8"], 6),
        (["--model", "nothing.onnx"], 6),
    ],
)
def test_run_invalid_arguments_exit_with_code(
    tiny_model: Path, photographs: Path, arguments: list[str], code: int
) -> None:
    done = run(tiny_model, *arguments, *([photographs] if code == 6 else []))
    assert done.exit_code == code
    assert "Traceback" not in done.output


def test_run_throughput_prints_line(tiny_model: Path, photographs: Path, tmp_path: Path) -> None:
    done = run(tiny_model, photographs, "-o", tmp_path, "--throughput")
    assert done.exit_code == 0 and "throughput: " in done.stderr and "core-seconds" in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_run_full_disk_at_standard_output_exits_7(
    tiny_model: Path, photographs: Path, tmp_path: Path, unbuffered: str
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    command = [
        sys.executable,
        "-m",
        "edgeseg",
        "run",
        str(photographs),
        "-o",
        str(tmp_path),
        "--model",
        str(tiny_model),
    ]
    with Path("/dev/full").open("wb") as full:
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment
        )
    assert done.returncode == 7
    assert len(done.stderr.splitlines()) == 1 and "disk is full" in done.stderr


def test_run_invalid_output_folder_exits_2_or_7(
    tiny_model: Path, photographs: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run(tiny_model, photographs, "-o", tmp_path / "file")
    assert done.exit_code == 2 and "is a file" in done.stderr
    done = run(tiny_model, photographs, "-o", tmp_path / "file" / "below")
    assert done.exit_code == 7 and "below" in done.stderr


def test_run_sigterm_finishes_current_photograph(tiny_model: Path, tmp_path: Path) -> None:
    photo = encode_png(generate_photo(1, 600).photo)
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number}.png").write_bytes(photo)
    command = [
        sys.executable,
        "-m",
        "edgeseg",
        "run",
        str(folder),
        "-o",
        str(tmp_path / "out"),
        "--model",
        str(tiny_model),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        said = 1 + len(process.stdout.readlines())
        process.wait(timeout=60)
    assert process.returncode == 143
    files = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert 0 < said < 200 and len(files) == 2 * said
    assert not [name for name in files if name.startswith(".")]


def test_run_unexpected_exception_is_reported_and_others_continue(
    tiny_model: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(data: bytes, name: str) -> Photo:
        if name.endswith("eye1.png"):
            raise ZeroDivisionError("a bug")
        return decode_photo(data, name)

    monkeypatch.setattr(stages, "decode_photo", decode)
    done = run(tiny_model, photographs, "-o", tmp_path, "--json")
    assert done.exit_code == 1
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["reasons"] for record in records] == [[], ["internal_error"], []]
    assert len(list(tmp_path.iterdir())) == 4
