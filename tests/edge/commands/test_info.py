"""`edgeseg info`: the metadata of a model file as table and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.models import catalog
from edgeseg.models.card import Licence, ModelCard, read_card
from edgeseg.models.catalog import MODEL_FOLDER, SHIPPED_MODELS
from edgeseg.models.checksum import CHECKSUM_BYTES
from edgeseg.preprocessing.config import preprocessing_preset

CARD = ModelCard(
    name="eye",
    architecture="tiny",
    parameters=1234567,
    gmac=1.25,
    precision="fp16",
    compute="float16",
    preprocessing=preprocessing_preset("edge", 64),
    threshold=0.4375,
    training_data=(Licence("hrf", 24, "CC BY 4.0"), Licence("fives", 8, "CC BY 4.0")),
    evidence={"drive/test/native": 0.79125},
    checkpoint_sha256="ab" * 32,
)


Save = Callable[[Mapping[str, str], str], Path]


@pytest.fixture
def save(tmp_path: Path, as_file: Callable[[Mapping[str, str]], bytes]) -> Save:
    """Function that writes a model file with metadata only."""

    def write(metadata: Mapping[str, str], name: str) -> Path:
        file = tmp_path / name
        file.write_bytes(as_file(metadata))
        return file

    return write


def _info(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["info", *map(str, arguments)])


def test_info_shows_the_card(save: Save) -> None:
    file = save(CARD.to_metadata(), "eye.fp16.onnx")
    result = _info(file)
    assert (result.exit_code, result.stderr) == (0, "")
    text = " ".join(result.stdout.split())
    for part in (
        "architecture tiny",
        "1,234,567",
        "1.25 per image",
        "fp16 (computes in float16)",
        "64x64",
        "contrast = clahe",
        "0.4375",
        "hrf: 24 photographs, CC BY 4.0",
        "fives: 8 photographs, CC BY 4.0",
        "drive/test/native: 0.791",
        "ab" * 32,
    ):
        assert part in text


def test_info_json_contains_the_whole_card(save: Save) -> None:
    file = save(CARD.to_metadata(), "eye.fp16.onnx")
    values = json.loads(_info(file, "--json").stdout)
    assert values == {
        "file": str(file),
        "file_bytes": file.stat().st_size,
        "name": "eye",
        "architecture": "tiny",
        "parameters": 1234567,
        "gmac": 1.25,
        "precision": "fp16",
        "compute": "float16",
        "preprocessing": CARD.preprocessing.to_dict(),
        "threshold": 0.4375,
        "training_data": [
            {"name": "hrf", "photographs": 24, "licence": "CC BY 4.0"},
            {"name": "fives", "photographs": 8, "licence": "CC BY 4.0"},
        ],
        "evidence": {"drive/test/native": 0.79125},
        "checkpoint_sha256": "ab" * 32,
    }


def test_info_of_dynamic_size_has_no_gmac(save: Save) -> None:
    file = save(CARD._replace(gmac=None).to_metadata(), "eye.fp16.onnx")
    assert json.loads(_info(file, "--json").stdout)["gmac"] is None
    assert "unknown" in _info(file).stdout


def test_info_reads_an_exported_model(tiny_model: Path) -> None:
    values = json.loads(_info(tiny_model, "--json").stdout)
    assert (values["name"], values["precision"], values["preprocessing"]["size"]) == (
        "tiny",
        "fp32",
        128,
    )


def test_info_of_shipped_name_shows_the_selected_file(
    tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(CARD._replace(precision="fp32").to_metadata(), "eye.fp32.onnx")
    monkeypatch.setattr(catalog, "MODEL_FOLDER", tmp_path)
    monkeypatch.setattr(catalog, "SHIPPED_MODELS", {"default": "eye"})
    values = json.loads(_info("default", "--json").stdout)
    assert values["file"] == str(tmp_path / "eye.fp32.onnx")


@pytest.mark.skipif(not any(MODEL_FOLDER.glob("*.onnx")), reason="no model is shipped yet")
@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_info_of_shipped_models_lists_training_data_with_licences(name: str) -> None:
    values = json.loads(_info(name, "--json").stdout)
    assert values["training_data"]
    assert all(data["licence"] for data in values["training_data"])
    assert "to be confirmed" not in _info(name).output + _info(name, "--json").output


def test_info_prints_no_control_characters(save: Save) -> None:
    hostile = CARD._replace(
        name="\x1b]0;owned\x07", training_data=(Licence("\x9b2J", 1, "\r\nline"),)
    )
    result = _info(save(hostile.to_metadata(), "eye.fp16.onnx"))
    assert not set(result.output) & set("\x1b\x07\x9b\r")


def test_info_prints_markup_literally(save: Save) -> None:
    result = _info(save(CARD._replace(name="[red]eye[/nosuch]").to_metadata(), "eye.fp16.onnx"))
    assert result.exit_code == 0
    assert "[red]eye[/nosuch]" in result.stdout


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gmac", "NaN"),
        ("gmac", "1e999"),
        ("gmac", "1" + "0" * 400),
        ("gmac", "{}"),
        ("evidence", '{"drive": Infinity}'),
        ("evidence", '{"drive": ' + "9" * 400 + "}"),
        ("evidence", "[]"),
        ("evidence", "[" * 100_000),
        ("threshold", "nan"),
        ("threshold", "1.5"),
        ("precision", "fp64"),
        ("parameters", "many"),
        ("preprocessing", '{"size": 1e999}'),
        ("preprocessing", '{"size": 64, "unknown": 1}'),
        ("training_data", '[{"name": "hrf"}]'),
        ("format", "2"),
    ],
)
def test_info_of_invalid_metadata_exits_with_6(save: Save, key: str, value: str) -> None:
    file = save(CARD.to_metadata() | {f"edgeseg.{key}": value}, "eye.fp16.onnx")
    for arguments in ([file], [file, "--json"]):
        result = _info(*arguments)
        assert result.exit_code == 6
        assert not result.stdout
        assert str(file) in result.stderr
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "missing", ["name", "threshold", "preprocessing", "evidence", "training_data"]
)
def test_info_of_missing_entry_names_it_and_exits_with_6(save: Save, missing: str) -> None:
    metadata = CARD.to_metadata()
    del metadata[f"edgeseg.{missing}"]
    result = _info(save(metadata, "eye.fp16.onnx"))
    assert result.exit_code == 6
    assert missing in result.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no model at all",
        b"\x08",
        b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x3a\xff\xff\xff\xff\xff\x7f",
    ],
)
def test_info_of_other_content_exits_with_6(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "eye.onnx"
    file.write_bytes(content)
    result = _info(file)
    assert result.exit_code == 6
    assert str(file) in result.stderr


def test_info_of_truncated_file_reports_truncation(tmp_path: Path, save: Save) -> None:
    file = save(CARD.to_metadata(), "eye.fp16.onnx")
    for length in (200, file.stat().st_size - 10):
        cut = tmp_path / "cut.onnx"
        cut.write_bytes(file.read_bytes()[:length])
        result = _info(cut)
        assert result.exit_code == 6
        assert "truncated" in result.stderr


def test_info_of_unknown_name_lists_shipped_models() -> None:
    result = _info("nosuch")
    assert result.exit_code == 6
    assert "default" in result.stderr


def test_read_card_returns_the_stored_card(save: Save) -> None:
    assert read_card(save(CARD.to_metadata(), "eye.fp16.onnx")) == CARD


def test_info_verify_accepts_shipped_files_and_rejects_others(
    tiny_model: Path, tmp_path: Path
) -> None:
    done = _info(tiny_model, "--verify")
    assert (done.exit_code, done.stderr.count(str(tiny_model))) == (0, 1)
    data = tiny_model.read_bytes()
    file = tmp_path / "x.onnx"
    for changed in (data[:-CHECKSUM_BYTES], data[:5000] + b"x" + data[5001:]):
        file.write_bytes(changed)
        assert _info(file).exit_code == 0
        assert _info(file, "--verify").exit_code == 6
