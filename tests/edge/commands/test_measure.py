"""`edgeseg measure` and `edgeseg run --measures` from the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeseg import Segmenter
from edgeseg.cli import cli
from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.photo import read_mask, read_photo
from edgeseg.run.results.columns import columns
from edgeseg.synthetic import generate_photo


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def eye(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a synthetic photograph, its mask and its field of view."""
    folder = tmp_path_factory.mktemp("eye")
    synthetic = generate_photo(4, 400)
    (folder / "photo.png").write_bytes(encode_png(synthetic.photo))
    (folder / "mask.png").write_bytes(encode_png(synthetic.truth))
    (folder / "fov.png").write_bytes(encode_png(synthetic.fov))
    return folder


def read_rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_measure_prints_json_and_writes_table_and_image(eye: Path, tmp_path: Path) -> None:
    table = tmp_path / "out.csv"
    done = call(
        "measure", eye / "mask.png", "--fov", eye / "fov.png", "--json", "--csv", table,
        "--measures-overlay", tmp_path / "images", "--eye", "left", "--um-per-px", "30",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert record["measures_status"] == record["um_per_px_status"] == record["status"] == "ok"
    assert record["measures"]["quadrant"]["superior_nasal"]["width_mean_um"] > 0
    (row,) = read_rows(table)
    assert float(row["width_mean_px"]) == record["measures"]["width_mean_px"]
    assert float(row["quadrant_superior_nasal_total_length_um"]) > 0
    assert set(row) <= {column.name for column in columns()}
    image = read_photo(tmp_path / "images" / "mask_measures_overlay.png")
    assert image.shape == (400, 400, 3)
    assert np.unique(image.reshape(-1, 3), axis=0).shape[0] > 20


def test_measure_of_empty_mask_writes_table_and_image(tmp_path: Path) -> None:
    (tmp_path / "black.png").write_bytes(encode_png(np.zeros((200, 200), np.uint8)))
    done = call(
        "measure", tmp_path / "black.png", "--csv", tmp_path / "out.csv",
        "--measures-overlay", tmp_path,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert [row["measures_status"] for row in read_rows(tmp_path / "out.csv")] == ["no_vessels"]
    assert not read_photo(tmp_path / "black_measures_overlay.png").any()


def test_measure_without_spacing_has_no_micrometres(eye: Path) -> None:
    record = json.loads(call("measure", eye / "mask.png", "--json").stdout)
    assert record["um_per_px_status"] == "not_given"
    assert "width_mean_um" not in record["measures"]
    assert "superior_nasal" not in record["measures"]["quadrant"]


def test_measure_reports_bad_files_and_measures_the_others(eye: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "small.png").write_bytes(encode_png(np.zeros((90, 90), np.uint8)))
    files = [tmp_path / "text.png", tmp_path / "none.png", tmp_path / "small.png", eye / "mask.png"]
    done = call("measure", *files, "--fov", eye / "fov.png", "--json")
    assert done.exit_code == 3
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["status"] for record in records] == ["failed", "failed", "failed", "ok"]
    reasons = [record["reasons"] for record in records]
    assert reasons == [["undecodable"], ["unreadable"], ["sizes_differ"], []]


@pytest.mark.parametrize(("value", "status"), [(0, "no_vessels"), (255, "not_vessels")])
def test_measure_of_empty_or_full_mask_has_a_status(
    value: int, status: str, tmp_path: Path
) -> None:
    file = tmp_path / "mask.png"
    file.write_bytes(encode_png(np.full((200, 200), value, np.uint8)))
    done = call("measure", file, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["measures_status"] == status
    assert "NaN" not in done.stdout


def test_measure_thresholds_a_jpeg_mask_with_a_warning(eye: Path, tmp_path: Path) -> None:
    mask = read_mask(eye / "mask.png")
    file = tmp_path / "mask.jpg"
    file.write_bytes(cv2.imencode(".jpg", mask)[1].tobytes())
    done = call("measure", file, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["warnings"] == ["mask_thresholded"]
    assert "not binary" in done.stderr


@pytest.mark.parametrize("value", [1, 2, 100, 127, 128])
def test_measure_of_binary_files_does_not_depend_on_the_value(
    value: int, eye: Path, tmp_path: Path
) -> None:
    expected = json.loads(
        call("measure", eye / "mask.png", "--fov", eye / "fov.png", "--json").stdout
    )
    for name in ("mask", "fov"):
        image = np.where(read_mask(eye / f"{name}.png"), np.uint8(value), np.uint8(0))
        (tmp_path / f"{name}.png").write_bytes(encode_png(image))
    done = call("measure", tmp_path / "mask.png", "--fov", tmp_path / "fov.png", "--json")
    record = json.loads(done.stdout)
    assert record["warnings"] == []
    assert record["measures"] == expected["measures"]


@pytest.mark.parametrize("value", ["0", "-2", "nan", "inf"])
def test_measure_and_run_reject_an_invalid_spacing(value: str, eye: Path, tmp_path: Path) -> None:
    assert call("measure", eye / "mask.png", "--um-per-px", value).exit_code == 2
    output = tmp_path / "out"
    done = call("run", eye / "photo.png", "--measures", "--um-per-px", value, "-o", output)
    assert (done.exit_code, output.exists()) == (2, False)


def test_measure_help_shows_the_range_of_the_spacing() -> None:
    assert "[x>0]" in call("measure", "--help").stdout


def test_measure_rejects_wrong_number_of_fov_files(eye: Path) -> None:
    mask, fov = eye / "mask.png", eye / "fov.png"
    done = call("measure", mask, mask, mask, "--fov", fov, "--fov", fov)
    assert done.exit_code == 2


def test_measure_rejects_masks_with_the_same_overlay_name(eye: Path, tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes((eye / "mask.png").read_bytes())
    images = tmp_path / "images"
    files = (eye / "mask.png", tmp_path / "mask.png")
    assert call("measure", *files, "--measures-overlay", images).exit_code == 2
    assert not images.exists()


def test_measure_keeps_a_foreign_table(eye: Path, tmp_path: Path) -> None:
    file = tmp_path / "patients.csv"
    file.write_text("name,age\n")
    assert call("measure", eye / "mask.png", "--csv", file).exit_code == 2
    assert file.read_text() == "name,age\n"


def test_run_measures_writes_records_table_and_image(
    tiny_model: Path, eye: Path, tmp_path: Path
) -> None:
    arguments: list[str | Path] = [
        "run",
        "--model",
        tiny_model,
        "--threshold",
        "0.52",
        eye / "photo.png",
    ]
    arguments += ["-o", tmp_path, "--measures-overlay", "--eye", "OD", "--json"]
    done = call(*arguments)
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert (record["eye"], record["eye_source"]) == ("right", "option")
    assert record["measures_status"] in ("ok", "not_vessels", "no_vessels", "ungradable")
    assert Path(record["files"]["measures_overlay"]).is_file()
    (row,) = read_rows(tmp_path / "measures.csv")
    assert row["files_mask"] == "photo_vessels.png"
    assert row["measures_status"] == record["measures_status"]
    assert "timings_ms" not in row

    before = (tmp_path / "measures.csv").read_bytes()
    again = json.loads(call(*arguments, "--resume").stdout)
    assert again["reused"] is True
    assert again.get("measures") == record.get("measures")
    assert (tmp_path / "measures.csv").read_bytes() == before


def test_run_keeps_the_rows_of_other_photographs(
    tiny_model: Path, eye: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        photo = tmp_path / f"{name}.png"
        photo.write_bytes((eye / "photo.png").read_bytes())
        options = ("--measures", "--resume", "-o", tmp_path / "out")
        assert call("run", "--model", tiny_model, photo, *options).exit_code == 0
    rows = read_rows(tmp_path / "out" / "measures.csv")
    assert [row["files_mask"] for row in rows] == ["a_vessels.png", "b_vessels.png"]


def test_run_without_measures_has_no_measure_keys(
    tiny_model: Path, eye: Path, tmp_path: Path
) -> None:
    done = call("run", "--model", tiny_model, eye / "photo.png", "-o", tmp_path, "--json")
    record = json.loads(done.stdout)
    assert not {"measures", "measures_status", "eye", "um_per_px", "um_per_px_status"} & set(record)
    assert not (tmp_path / "measures.csv").exists()


@pytest.mark.parametrize(("name", "expected"), [("OD", "right"), ("l", "left"), ("both", None)])
def test_measure_accepts_names_and_abbreviations_of_the_eye(
    name: str, expected: str | None, eye: Path
) -> None:
    done = call("measure", eye / "mask.png", "--fov", eye / "fov.png", "--eye", name, "--json")
    assert done.exit_code == (0 if expected else 2)
    if expected:
        assert json.loads(done.stdout)["eye"] == expected


def test_measure_warns_once_without_fov(eye: Path) -> None:
    masks = (eye / "mask.png", eye / "mask.png")
    assert call("measure", *masks, "--json").stderr.count("\n") == 1
    assert call("measure", *masks, "--fov", eye / "fov.png", "--json").stderr == ""


@pytest.mark.parametrize(("um_per_px", "lines"), [("30", 0), ("5", 1), ("300", 1)])
def test_measure_warns_once_about_an_implausible_scale(
    um_per_px: str, lines: int, eye: Path
) -> None:
    masks = (eye / "mask.png", eye / "mask.png")
    done = call("measure", *masks, "--fov", eye / "fov.png", "--um-per-px", um_per_px, "--json")
    assert done.stderr.count("\n") == lines


@pytest.mark.parametrize(("um_per_px", "lines"), [("30", 0), ("300", 1)])
def test_run_warns_once_about_an_implausible_scale(
    um_per_px: str, lines: int, tiny_model: Path, eye: Path, tmp_path: Path
) -> None:
    options = ("--measures", "--um-per-px", um_per_px, "-o", tmp_path)
    done = call("run", "--model", tiny_model, eye / "photo.png", "--json", *options)
    assert done.exit_code == 0
    assert done.stderr.count("--um-per-px") == lines


def test_run_rejects_eye_without_measures(eye: Path, tmp_path: Path) -> None:
    done = call("run", eye / "photo.png", "-o", tmp_path, "--eye", "left")
    assert done.exit_code == 2


def test_run_keeps_a_foreign_measures_table(tiny_model: Path, eye: Path, tmp_path: Path) -> None:
    (tmp_path / "measures.csv").write_text("name,age\n")
    done = call("run", "--model", tiny_model, eye / "photo.png", "-o", tmp_path, "--measures")
    assert done.exit_code == 2
    assert (tmp_path / "measures.csv").read_text() == "name,age\n"


@pytest.mark.slow
def test_segmentation_measures_uses_the_probability(eye: Path) -> None:
    segmentation = Segmenter().segment(eye / "photo.png")
    (measures,) = segmentation.measures(eye="left")
    assert measures.status == "ok"
    assert measures.values is not None
    assert measures.values.width_method == "probability"
    assert measures.vessel_density == pytest.approx(segmentation.vessel_density, abs=1e-6)
    assert msgspec.json.encode(measures.values)
