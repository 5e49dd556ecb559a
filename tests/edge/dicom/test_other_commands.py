"""DICOM files in `edgeseg batch` and `edgeseg evaluate`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from click.testing import CliRunner

from edgeseg.cli import cli
from edgeseg.imaging.encoder import encode_png
from edgeseg.synthetic import SyntheticPhoto

pydicom = pytest.importorskip("pydicom", reason="needs the extra 'dicom'")

Maker: TypeAlias = Callable[..., bytes]
TRUE_COLOUR_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.4"


@pytest.mark.slow
def test_batch_uses_scale_of_dicom_unless_manifest_has_one(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    files = {
        "IM1": make_dicom(eye.photo, PixelSpacing=[0.03, 0.03], ImageLaterality="L"),
        "two": make_dicom(np.stack([eye.photo] * 2), sop_class=TRUE_COLOUR_CAPTURE),
    }
    folder = tmp_path / "in"
    folder.mkdir()
    for file_name, data in files.items():
        (folder / file_name).write_bytes(data)
    (folder / "m.csv").write_text("path,um_per_px,eye\nIM1,20,right\ntwo,,\n")
    tables = {}
    for name, cohort in (("folder", folder), ("manifest", folder / "m.csv")):
        command = ["batch", str(cohort), "-o", str(tmp_path / name), "--model", str(tiny_model)]
        done = CliRunner().invoke(cli, [*command, "--measures", "--workers", "1"])
        assert done.exit_code == 0
        with (tmp_path / name / "results.csv").open(newline="", encoding="utf-8") as file:
            tables[name] = list(csv.DictReader(file))
    for rows in tables.values():
        assert [row["frame"] for row in rows] == ["1", "1", "2"]
        assert rows[0]["sop_instance_uid"] == "1.2.826.0.1.3680043.8.498.5"
        assert "width_mean_um" in rows[0]
        assert "patient_id" not in rows[0]
    first = [rows[0] for rows in tables.values()]
    assert [row["um_per_px_source"] for row in first] == ["dicom_nominal", "manifest"]
    assert [(row["eye"], row["eye_source"]) for row in first] == [
        ("left", "dicom"), ("right", "manifest"),
    ]  # fmt: skip


def test_evaluate_accepts_dicom_pairs_without_suffix(
    tiny_model: Path, make_dicom: Maker, eye: SyntheticPhoto, tmp_path: Path
) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for photograph, mask in (("IM1", "IM1.png"), ("2.dcm", "2.png")):
        (tmp_path / "images" / photograph).write_bytes(make_dicom(eye.photo))
        (tmp_path / "masks" / mask).write_bytes(encode_png(eye.truth))
    arguments: Sequence[str] = [
        "evaluate", "--model", str(tiny_model), "--data", f"pairs:{tmp_path}", "--split", "all",
        "--json",
    ]  # fmt: skip
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0
    (data_set,) = json.loads(done.stdout)["data_sets"]
    assert sorted(one["name"] for one in data_set["photographs"]) == ["2", "IM1"]
