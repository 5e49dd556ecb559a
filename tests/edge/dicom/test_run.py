"""`edgeseg run` and `edgeseg evaluate` on DICOM files."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeseg import Segmenter
from edgeseg.cli import cli
from edgeseg.errors import PhotoError
from edgeseg.imaging.encoder import encode_png
from edgeseg.run.inputs.file_kind import classify_file
from edgeseg.synthetic import SyntheticPhoto

pydicom = pytest.importorskip("pydicom", reason="needs the extra 'dicom'")

Maker: TypeAlias = Callable[..., bytes]
TRUE_COLOUR_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.4"


def run(model: Path, *arguments: str | Path) -> Result:
    command = ["run", "--model", str(model), "--json", *map(str, arguments)]
    return CliRunner().invoke(cli, command)


def records(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_run_segments_dicom_files_of_a_folder_by_content(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    files = {
        "IM0001": make_dicom(eye.photo, ImageLaterality="R"),
        "1.2.840.7": make_dicom(eye.photo, preamble=False),
        "two.DCM": make_dicom(np.stack([eye.photo] * 2), sop_class=TRUE_COLOUR_CAPTURE),
        "notes.txt": b"no photograph",
    }
    done = run(tiny_model, write(tmp_path / "in", files), "-o", tmp_path / "out", "--no-overlay")
    assert done.exit_code == 0
    assert names(tmp_path / "out") == [
        "1.2.840.7_vessels.png", "IM0001_vessels.png", "two_p0002_vessels.png", "two_vessels.png",
    ]  # fmt: skip
    found = {(Path(one["source"]).name, one["frame"]): one for one in records(done)}
    assert set(found) == {("IM0001", 1), ("1.2.840.7", 1), ("two.DCM", 1), ("two.DCM", 2)}
    image = found["IM0001", 1]
    assert (image["eye"], image["eye_source"]) == ("right", "dicom")
    assert image["sop_instance_uid"] == "1.2.826.0.1.3680043.8.498.5"
    assert found["two.DCM", 2]["eye"] is None
    for one in records(done):
        assert "patient_id" not in one
        assert "study_instance_uid" not in one


def test_run_adds_identifiers_only_on_request(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    files = {"a.dcm": make_dicom(eye.photo), "b.png": encode_png(eye.photo)}
    folder, out = write(tmp_path / "in", files), tmp_path / "out"
    arguments: list[str | Path] = [folder, "-o", out, "--resume", "--measures"]
    for _ in ("first", "resumed"):
        dicom, png = records(run(tiny_model, *arguments, "--identifiers"))
        assert dicom["patient_id"] == "P1"
        assert dicom["study_instance_uid"] == "1.2.826.0.1.3680043.8.498.1"
        assert png["patient_id"] is None
        assert b"patient_id" in (out / "measures.csv").read_bytes()
    without = run(tiny_model, *arguments)
    assert "reused" in records(without)[0]
    assert "patient_id" not in without.stdout
    assert b"P1" not in (out / "a_vessels.png").read_bytes()
    assert b"patient_id" not in (out / "measures.csv").read_bytes()


def test_run_measures_with_nominal_spacing_unless_option_is_given(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    files = {
        "a.png": encode_png(eye.photo),
        "b.dcm": make_dicom(eye.photo, PixelSpacing=[0.03, 0.03], ImageLaterality="L"),
        "c.dcm": make_dicom(eye.photo, PixelSpacing=[1.0, 1.0]),
    }
    arguments: list[str | Path] = [
        write(tmp_path / "in", files),
        "-o",
        tmp_path / "out",
        "--measures",
    ]
    plain, nominal, implausible = records(run(tiny_model, *arguments))
    assert plain["um_per_px_status"] == "not_given"
    assert (nominal["um_per_px"], nominal["um_per_px_source"]) == (30, "dicom_nominal")
    assert nominal["um_per_px_status"] == "ok"
    assert (implausible["um_per_px"], implausible["um_per_px_status"]) == (None, "implausible")
    with (tmp_path / "out" / "measures.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["um_per_px"] for row in rows] == ["", "30.0", ""]
    assert "width_mean_um" in rows[1]
    assert rows[1]["eye"] == "left"
    optional = records(run(tiny_model, *arguments, "--um-per-px", "25", "--eye", "right"))[1]
    assert (optional["um_per_px"], optional["um_per_px_source"]) == (25, "option")
    assert (optional["eye"], optional["eye_source"]) == ("right", "option")


def test_run_rejects_dicom_that_is_not_a_photograph_with_its_class(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    files = {
        "ct.dcm": make_dicom(eye.photo, sop_class="1.2.840.10008.5.1.4.1.1.2"),
        "eye.dcm": make_dicom(eye.photo),
    }
    done = run(tiny_model, write(tmp_path / "in", files), "-o", tmp_path / "out")
    assert done.exit_code == 3
    failed, segmented = records(done)
    assert failed["reasons"] == ["unsupported_format"]
    assert "CT Image Storage" in failed["message"]
    assert segmented["status"] == "ok"


def test_run_dicom_writes_objects_and_resume_keeps_them(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    folder, out = write(tmp_path / "in", {"eye.dcm": make_dicom(eye.photo)}), tmp_path / "out"
    arguments: list[str | Path] = [folder, "-o", out, "--dicom", "--measures", "--resume"]
    first = run(tiny_model, *arguments)
    assert first.exit_code == 0
    files = records(first)[0]["files"]
    expected = {"dicom_seg": "_dicom_seg.dcm", "dicom_sc": "_dicom_sc.dcm"}
    expected["dicom_sr"] = "_dicom_sr.dcm"
    for key, ending in expected.items():
        assert files[key] == str(out / f"eye{ending}")
        assert classify_file(Path(files[key])) == "result"
    segmentation = pydicom.dcmread(files["dicom_seg"])
    algorithm = segmentation.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert records(first)[0]["model_sha256"] in algorithm.AlgorithmParameters
    written = {path: path.stat().st_mtime_ns for path in out.glob("*.dcm")}
    assert records(run(tiny_model, *arguments))[0]["reused"]
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.dcm")} == written
    damaged = Path(files["dicom_sc"])
    damaged.write_bytes(damaged.read_bytes()[:-50])
    assert "reused" not in records(run(tiny_model, *arguments))[0]
    again = pydicom.dcmread(files["dicom_seg"])
    assert again.SOPInstanceUID == segmentation.SOPInstanceUID


def test_run_recomputes_dicom_if_patient_was_corrected(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for patient in ("P1", "P2"):
        folder = write(tmp_path / "in", {"eye.dcm": make_dicom(eye.photo, PatientID=patient)})
        assert run(tiny_model, folder, "-o", out, "--dicom", "--resume").exit_code == 0
        assert pydicom.dcmread(out / "eye_dicom_sc.dcm").PatientID == patient


def test_run_recomputes_dicom_overlay_if_style_was_changed(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    folder, out = write(tmp_path / "in", {"eye.dcm": make_dicom(eye.photo)}), tmp_path / "out"
    arguments: list[str | Path] = [folder, "-o", out, "--dicom", "--no-overlay", "--resume"]
    overlays = []
    for style in ("outline", "fill"):
        assert "reused" not in records(run(tiny_model, *arguments, "--overlay-style", style))[0]
        overlays.append(pydicom.dcmread(out / "eye_dicom_sc.dcm"))
    assert overlays[0].SOPInstanceUID != overlays[1].SOPInstanceUID
    assert "reused" in records(run(tiny_model, *arguments, "--overlay-style", "fill"))[0]


def test_options_replace_eye_and_scale_of_dicom_file_in_all_results(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    header: dict[str, Any] = {"PixelSpacing": [0.03, 0.03], "ImageLaterality": "L"}
    files = {
        "black.dcm": make_dicom(np.zeros_like(eye.photo), **header),
        "eye.dcm": make_dicom(eye.photo, **header),
    }
    folder, out = write(tmp_path / "in", files), tmp_path / "out"
    arguments: list[str | Path] = [folder, "-o", out, "--dicom", "--measures"]
    results = {}
    for options in ((), ("--eye", "right", "--um-per-px", "50")):
        done = records(run(tiny_model, *arguments, *options))
        assert [one["status"] for one in done] == ["failed", "ok"]
        report = pydicom.dcmread(out / "eye_dicom_sr.dcm")
        results[len(options)] = [
            *((one["eye"], one["eye_source"]) for one in done),
            done[1]["um_per_px"],
            pydicom.dcmread(out / "eye_dicom_sc.dcm").ImageLaterality,
            read_pixel_spacing(out / "eye_dicom_seg.dcm"),
            {word for word in ("Left", "Right") if word in str(report)},
        ]
    left, right = ("left", "dicom"), ("right", "option")
    assert results[0] == [left, left, 30, "L", [0.03, 0.03], {"Left"}]
    assert results[4] == [right, right, 50, "R", [0.05, 0.05], {"Right"}]


def read_pixel_spacing(path: Path) -> list[float]:
    groups = pydicom.dcmread(path).SharedFunctionalGroupsSequence
    return [float(value) for value in groups[0].PixelMeasuresSequence[0].PixelSpacing]


def test_resume_recomputes_results_if_source_of_eye_changed(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    folder = write(tmp_path / "in", {"eye.dcm": make_dicom(eye.photo, ImageLaterality="L")})
    arguments: list[str | Path] = [folder, "-o", tmp_path / "out", "--measures", "--resume"]
    for options, source in (((), "dicom"), (("--eye", "left"), "option")):
        (record,) = records(run(tiny_model, *arguments, *options))
        assert (record["eye"], record["eye_source"]) == ("left", source)
    assert records(run(tiny_model, *arguments, "--eye", "left"))[0]["reused"]


def test_run_dicom_does_not_overwrite_foreign_file(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    data = make_dicom(eye.photo)
    folder = write(tmp_path / "in", {"eye.dcm": data})
    out = write(tmp_path / "out", {"eye_dicom_seg.dcm": data})
    done = run(tiny_model, folder, "-o", out, "--dicom")
    assert records(done)[0]["reasons"] == ["not_overwritten"]
    assert (out / "eye_dicom_seg.dcm").read_bytes() == data
    assert names(out) == ["eye_dicom_seg.dcm"]


def test_run_dicom_fails_for_input_that_is_not_dicom(
    tiny_model: Path, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    folder = write(tmp_path / "in", {"eye.png": encode_png(eye.photo)})
    done = run(tiny_model, folder, "-o", tmp_path / "out", "--dicom")
    assert done.exit_code == 3
    assert records(done)[0]["reasons"] == ["not_dicom"]
    assert "study" in records(done)[0]["message"]
    assert names(tmp_path / "out") == []


def test_result_that_returns_from_a_pacs_is_not_segmented_again(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    folder, out = write(tmp_path / "in", {"eye.dcm": make_dicom(eye.photo)}), tmp_path / "out"
    assert run(tiny_model, folder, "-o", out, "--dicom", "--measures").exit_code == 0
    for path in out.glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        for keyword in ("PrivateInformation", "PrivateInformationCreatorUID"):
            del dataset.file_meta[keyword]
        returned = tmp_path / "returned"
        dataset.save_as(returned, enforce_file_format=True)
        assert classify_file(returned) == "result"


def test_missing_extra_is_named(
    tiny_model: Path,
    make_dicom: Maker,
    eye: SyntheticPhoto,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {"eye.dcm": make_dicom(eye.photo), "eye.png": encode_png(eye.photo)}
    folder = write(tmp_path / "in", files)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    for name in [name for name in sys.modules if name.startswith("edgeseg.dicom.")]:
        monkeypatch.delitem(sys.modules, name)
    done = run(tiny_model, folder, "-o", tmp_path / "out")
    assert done.exit_code == 3
    failed, segmented = records(done)
    assert failed["reasons"] == ["missing_extra"]
    assert "'dicom'" in failed["message"]
    assert segmented["status"] == "ok"
    assert run(tiny_model, folder, "-o", tmp_path / "out", "--dicom").exit_code == 7
    with pytest.raises(PhotoError) as caught:
        Segmenter(tiny_model).segment(folder / "eye.dcm")
    assert caught.value.code == "missing_extra"


def test_standard_input_accepts_dicom(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    command = ["run", "--model", str(tiny_model), "--json", "-", "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, command, input=make_dicom(eye.photo, ImageLaterality="L"))
    assert records(done)[0]["eye"] == "left"
