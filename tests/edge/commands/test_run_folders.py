"""`edgeseg run` on folders with typical content."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.imaging.encoder import encode_png
from edgeseg.run.results.record import ResultRecord
from edgeseg.synthetic import generate_photo

SYNTHETIC = [generate_photo(seed, 200) for seed in range(3)]
PNGS = [encode_png(synthetic.photo) for synthetic in SYNTHETIC]
JPEG = bytes(cv2.imencode(".jpg", SYNTHETIC[0].photo[:, :, ::-1])[1])


def run(model: Path, *arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(
        cli, ["run", "--model", str(model), "--no-overlay", *map(str, arguments)], input=stdin
    )


def written(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path.relative_to(folder).as_posix() for path in files)


def records(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    """Folder with a photograph, and a sub-folder per patient.

    File names are equal in all sub-folders.
    """
    folder = tmp_path / "in"
    for patient in ("p1", "p2"):
        (folder / patient).mkdir(parents=True)
        (folder / patient / "od.png").write_bytes(PNGS[0])
    (folder / "loose.png").write_bytes(PNGS[1])
    return folder


def test_run_reports_number_of_skipped_subfolders(
    tiny_model: Path, patients: Path, tmp_path: Path
) -> None:
    done = run(tiny_model, patients, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert written(tmp_path / "out") == ["loose_vessels.png"]
    assert "2 sub-folders" in done.stderr


def test_run_recursive_mirrors_subfolders(tiny_model: Path, patients: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(tiny_model, patients, "-o", out, "--recursive", "--json")
    assert done.exit_code == 0, done.output
    names = ["loose_vessels.png", "p1/od_vessels.png", "p2/od_vessels.png"]
    assert written(out) == names
    masks = [record["files"]["mask"] for record in records(done)]  # type: ignore[index]
    assert masks == [str(out / name) for name in names]
    again = run(tiny_model, patients, "-o", out, "--recursive", "--json", "--resume")
    assert [record["reused"] for record in records(again)] == [True] * 3
    assert written(out) == names


def test_run_folders_with_equal_names_writes_below_common_folder(
    tiny_model: Path, patients: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = run(tiny_model, patients / "p1", patients / "p2", "-o", out)
    assert done.exit_code == 0, done.output
    assert written(out) == ["p1/od_vessels.png", "p2/od_vessels.png"]


def test_run_equal_stems_keep_their_suffix(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "eye.png").write_bytes(PNGS[0])
    (tmp_path / "eye.jpg").write_bytes(JPEG)
    done = run(tiny_model, tmp_path, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert written(tmp_path / "out") == ["eye.jpg_vessels.png", "eye.png_vessels.png"]


def test_run_three_links_give_three_results(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(PNGS[0])
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        (folder / name).symlink_to(tmp_path / "photo.png")
    done = run(tiny_model, folder, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert len(written(tmp_path / "out")) == 3


def test_run_counts_masks_and_other_files_and_reports_unsupported_image(
    tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "eye.jfif").write_bytes(JPEG)
    (tmp_path / "eye_1stHO.png").write_bytes(encode_png(SYNTHETIC[0].truth))
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    (tmp_path / "table.csv").write_text("name,eye\n")
    done = run(tiny_model, tmp_path, "-o", tmp_path / "out", "--json")
    assert done.exit_code == 3
    statuses = [(Path(str(r["source"])).name, r["status"]) for r in records(done)]
    assert statuses == [("eye.jfif", "ok"), ("phone.heic", "failed")]
    (skipped,) = [line for line in done.stderr.splitlines() if "skipped" in line]
    assert "1 mask" in skipped
    assert ".csv" in skipped


def test_run_does_not_write_through_link_in_output_folder(
    tiny_model: Path, patients: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (out / "p1").symlink_to(tmp_path / "elsewhere")
    done = run(tiny_model, patients, "-o", out, "--recursive", "--json")
    assert done.exit_code == 3
    assert [record["status"] for record in records(done)] == ["ok", "failed", "ok"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("option", [(), ("--follow-links",)])
def test_run_never_replaces_another_result_through_a_link(
    tiny_model: Path, patients: Path, tmp_path: Path, option: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    first, second = patients / "loose.png", patients / "p1" / "od.png"
    assert run(tiny_model, first, "-o", out).exit_code == 0
    result = out / "loose_vessels.png"
    before = result.read_bytes()
    (out / "od_vessels.png").symlink_to(result.name)
    done = run(tiny_model, second, "-o", out, *option, "--json")
    assert done.exit_code == 3
    assert records(done)[0]["reasons"] == ["not_overwritten"]
    assert result.read_bytes() == before


def test_run_follow_links_writes_to_the_target(
    tiny_model: Path, patients: Path, tmp_path: Path
) -> None:
    out, store = tmp_path / "out", tmp_path / "store"
    out.mkdir()
    store.mkdir()
    (out / "loose_vessels.png").symlink_to(store / "1.png")
    for _ in range(2):  # the second run replaces the result of the same photograph
        done = run(tiny_model, patients / "loose.png", "-o", out, "--follow-links")
        assert done.exit_code == 0, done.stderr
    assert (out / "loose_vessels.png").is_symlink()
    assert (store / "1.png").is_file()


@pytest.mark.parametrize("source", ["file", "-"])
def test_run_files_from_list_processes_others_when_one_is_missing(
    tiny_model: Path, patients: Path, tmp_path: Path, source: str
) -> None:
    names = [patients / "loose.png", patients / "gone.png", patients / "p1"]
    text = "\n".join(map(str, names)).encode()
    (tmp_path / "list").write_bytes(text)
    argument = tmp_path / "list" if source == "file" else "-"
    done = run(tiny_model, "--files-from", argument, "-o", tmp_path / "out", "--json", stdin=text)
    assert done.exit_code == 3
    statuses = [(record["status"], record["reasons"]) for record in records(done)]
    assert statuses == [("ok", []), ("failed", ["unreadable"]), ("ok", [])]


def test_run_files_from_empty_list_exits_2(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "list").touch()
    assert run(tiny_model, "--files-from", tmp_path / "list").exit_code == 2
    assert run(tiny_model, "--files-from", "-", "-", stdin=b"").exit_code == 2


def test_resume_returns_full_records(tiny_model: Path, patients: Path, tmp_path: Path) -> None:
    arguments = (patients, "--recursive", "-o", tmp_path / "out", "--json")
    first = records(run(tiny_model, *arguments))
    again = records(run(tiny_model, *arguments, "--resume"))
    for before, after in zip(first, again, strict=True):
        assert after.pop("reused") is True
        for record in (before, after):
            for key in ("time", "timings_ms"):
                record.pop(key, None)
        assert after == before
        assert {"source", "status", "quality", "vessel_density", "files"} <= set(after)
        assert set(after) <= set(ResultRecord.__struct_fields__)


def test_resume_with_skip_ungradable_does_not_reuse_ungradable_result(
    tiny_model: Path, tmp_path: Path
) -> None:
    photo = cv2.GaussianBlur(SYNTHETIC[0].photo, (0, 0), 8)
    (tmp_path / "blurred.png").write_bytes(encode_png(photo.astype("uint8")))
    arguments = (tmp_path / "blurred.png", "-o", tmp_path / "out", "--json", "--resume")
    (first,) = records(run(tiny_model, *arguments))
    assert first["warnings"] == ["ungradable"]
    (second,) = records(run(tiny_model, *arguments, "--skip-ungradable"))
    assert second["status"] == "skipped"


def test_two_resumed_runs_compute_each_photograph_once(tiny_model: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(12):
        # Bytes after the end of a PNG file make each file different.
        (folder / f"{number}.png").write_bytes(PNGS[number % 3] + bytes([number]))
    options = ["--resume", "--measures", "--json", "--no-overlay", "-o", str(out)]
    options += ["--model", str(tiny_model)]
    command = [sys.executable, "-m", "edgeseg", "run", str(folder), *options]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    lines: list[dict[str, object]] = []
    for process in processes:
        stdout, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        lines += [json.loads(line) for line in stdout.splitlines()]
    assert len(lines) == 24
    assert sum("reused" not in line for line in lines) == 12
    assert len(list(out.glob("*_vessels.png"))) == 12
    assert len((out / "measures.csv").read_text().splitlines()) == 1 + 12
