"""`edgeseg evaluate` with class numbers, implausible masks and rotated photographs."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.encoder import encode_png
from edgeseg.synthetic import generate_photo

SYNTHETIC = [generate_photo(seed, 200) for seed in range(2)]


def jpeg_with_orientation(photo: Photo, turn: int) -> bytes:
    jpeg = bytes(cv2.imencode(".jpg", photo[:, :, ::-1])[1])
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([turn, 0, 0, 0]) + bytes(4)
    block = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + jpeg[2:]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    for number, synthetic in enumerate(SYNTHETIC):
        (tmp_path / "images" / f"eye{number}.png").write_bytes(encode_png(synthetic.photo))
        (tmp_path / "masks" / f"eye{number}.png").write_bytes(encode_png(synthetic.truth))
    return tmp_path


def evaluate(model: Path, pairs: Path, *arguments: str) -> Result:
    command = ["evaluate", "--threads", "1", "--runtime", "onnxruntime", "--model", str(model)]
    return CliRunner().invoke(cli, [*command, "--data", f"pairs:{pairs}", "--json", *arguments])


def scores(result: Result) -> list[float | None]:
    (data_set,) = json.loads(result.stdout)["data_sets"]
    return [photograph["dice"] for photograph in data_set["photographs"]]


def test_evaluate_scores_class_numbers_like_black_and_white(tiny_model: Path, pairs: Path) -> None:
    expected = scores(evaluate(tiny_model, pairs))
    for number, synthetic in enumerate(SYNTHETIC):
        (pairs / "masks" / f"eye{number}.png").write_bytes(encode_png(synthetic.truth // 255 * 2))
    result = evaluate(tiny_model, pairs)
    assert result.exit_code == 0
    assert scores(result) == expected
    (line,) = result.stderr.splitlines()
    assert line.startswith("edgeseg: pairs ")


@pytest.mark.parametrize("protocol", ["native", "reference"])
def test_evaluate_excludes_ignored_pixels(tiny_model: Path, pairs: Path, protocol: str) -> None:
    before = scores(evaluate(tiny_model, pairs, "--protocol", protocol))
    labels = SYNTHETIC[0].truth // 255
    labels[:100] = 255
    (pairs / "masks" / "eye0.png").write_bytes(encode_png(labels))
    (pairs / "masks" / "eye1.png").write_bytes(encode_png(SYNTHETIC[1].truth))
    with_ignored = scores(evaluate(tiny_model, pairs, "--protocol", protocol))
    assert with_ignored[1] == before[1]
    assert with_ignored[0] != before[0]
    wrong = labels.copy()
    wrong[:100] = SYNTHETIC[0].truth[:100] // 255
    (pairs / "masks" / "eye0.png").write_bytes(encode_png(wrong))
    assert scores(evaluate(tiny_model, pairs, "--protocol", protocol))[0] == before[0]


def test_evaluate_does_not_score_inverted_mask(tiny_model: Path, pairs: Path) -> None:
    (pairs / "masks" / "eye0.png").write_bytes(encode_png(255 - SYNTHETIC[0].truth))
    result = evaluate(tiny_model, pairs)
    assert result.exit_code == 3
    first, second = scores(result)
    assert first is None
    assert second is not None
    assert str(pairs / "masks" / "eye0.png") in result.stderr


def test_evaluate_reports_different_orientations(tiny_model: Path, pairs: Path) -> None:
    (pairs / "images" / "eye0.png").unlink()
    (pairs / "images" / "eye0.jpg").write_bytes(jpeg_with_orientation(SYNTHETIC[0].photo, 3))
    result = evaluate(tiny_model, pairs)
    assert result.exit_code == 0
    assert None not in scores(result)
    (line,) = result.stderr.splitlines()
    assert line.startswith("edgeseg: pairs eye0: ")
    assert "(3)" in line


def test_evaluate_names_orientation_when_sizes_differ(tiny_model: Path, pairs: Path) -> None:
    photo = SYNTHETIC[0].photo[:180]
    (pairs / "images" / "eye0.png").unlink()
    (pairs / "images" / "eye0.jpg").write_bytes(jpeg_with_orientation(photo, 6))
    (pairs / "masks" / "eye0.png").write_bytes(encode_png(SYNTHETIC[0].truth[:180]))
    result = evaluate(tiny_model, pairs)
    assert result.exit_code == 3
    assert "(6)" in result.stderr.splitlines()[0]
