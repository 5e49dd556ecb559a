from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.errors import ModelError
from edgeseg.models import MODEL_FOLDER, SHIPPED_MODELS, catalog
from edgeseg.models.card import Licence, ModelCard, read_card
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
    """Metadata and a name -> a model file without a network: `info` does not look at that."""

    def write(metadata: Mapping[str, str], name: str) -> Path:
        file = tmp_path / name
        file.write_bytes(as_file(metadata))
        return file

    return write


def _info(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["info", *map(str, arguments)])


def test_the_card_is_shown(save: Save) -> None:
    file = save(CARD.to_metadata(), "eye.fp16.onnx")
    result = _info(file)
    assert (result.exit_code, result.stderr) == (0, "")
    told = " ".join(result.stdout.split())
    for part in (
        "architecture tiny",
        "1,234,567",
        "1.25 for one photograph",
        "fp16 (computes in float16)",
        "64x64",
        "contrast = clahe",
        "0.4375",
        "hrf: 24 photographs, CC BY 4.0",
        "fives: 8 photographs, CC BY 4.0",
        "drive/test/native: 0.791",
        "ab" * 32,
    ):
        assert part in told


def test_json_holds_the_whole_card(save: Save) -> None:
    file = save(CARD.to_metadata(), "eye.fp16.onnx")
    told = json.loads(_info(file, "--json").stdout)
    assert told == {
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


def test_a_dynamic_size_has_no_cost(save: Save) -> None:
    file = save(CARD._replace(gmac=None).to_metadata(), "eye.fp16.onnx")
    assert json.loads(_info(file, "--json").stdout)["gmac"] is None
    assert "depends on" in _info(file).stdout


def test_an_exported_model_tells_about_itself(tiny_model: Path) -> None:
    told = json.loads(_info(tiny_model, "--json").stdout)
    assert (told["name"], told["precision"], told["preprocessing"]["size"]) == ("tiny", "fp32", 128)


def test_a_shipped_name_tells_which_file_would_be_taken(
    tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(CARD._replace(precision="fp32").to_metadata(), "eye.fp32.onnx")
    monkeypatch.setattr(catalog, "MODEL_FOLDER", tmp_path)
    monkeypatch.setattr(catalog, "SHIPPED_MODELS", {"default": "eye"})
    told = json.loads(_info("default", "--json").stdout)
    assert told["file"] == str(tmp_path / "eye.fp32.onnx")


@pytest.mark.skipif(not any(MODEL_FOLDER.glob("*.onnx")), reason="no model is shipped yet")
@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_every_shipped_model_says_what_it_carries(name: str) -> None:
    told = json.loads(_info(name, "--json").stdout)
    assert told["training_data"]
    assert all(data["licence"] for data in told["training_data"])


def test_a_models_text_is_no_command_for_the_terminal(save: Save) -> None:
    hostile = CARD._replace(
        name="\x1b]0;owned\x07", training_data=(Licence("\x9b2J", 1, "\r\nline"),)
    )
    result = _info(save(hostile.to_metadata(), "eye.fp16.onnx"))
    assert not set(result.output) & set("\x1b\x07\x9b\r")


def test_a_models_text_is_no_markup(save: Save) -> None:
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
def test_a_card_that_makes_no_sense_is_refused(save: Save, key: str, value: str) -> None:
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
def test_a_card_that_lacks_an_entry_is_refused(save: Save, missing: str) -> None:
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
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "eye.onnx"
    file.write_bytes(content)
    result = _info(file)
    assert result.exit_code == 6
    assert str(file) in result.stderr


def test_a_file_that_was_cut_off_says_so(tmp_path: Path, save: Save) -> None:
    file = save(CARD.to_metadata(), "eye.fp16.onnx")
    for length in (200, file.stat().st_size - 10):
        cut = tmp_path / "cut.onnx"
        cut.write_bytes(file.read_bytes()[:length])
        result = _info(cut)
        assert result.exit_code == 6
        assert "cut short" in result.stderr


def test_no_such_model_names_what_there_is() -> None:
    result = _info("nosuch")
    assert result.exit_code == 6
    assert "default" in result.stderr


# How a model is called and chosen


def test_a_file_without_its_precision_in_the_name_serves_that_precision_only(save: Save) -> None:
    file = save(CARD.to_metadata(), "eye.onnx")
    assert catalog.resolve_model(file, "fp16", ()).path == file
    with pytest.raises(ModelError, match="is fp16, not int8"):
        catalog.resolve_model(file, "int8", ())


@pytest.mark.parametrize(
    ("file", "name"), [("eye.fp16.onnx", "eye"), ("eye.onnx", "eye"), ("v1.2.int8.onnx", "v1.2")]
)
def test_a_models_name_in_reports_is_its_files(tmp_path: Path, file: str, name: str) -> None:
    assert catalog.ModelFile(tmp_path / file, CARD, "").name == name


def test_a_shipped_models_name_in_reports_is_what_users_call_it() -> None:
    for name, stem in SHIPPED_MODELS.items():
        assert catalog.ModelFile(MODEL_FOLDER / f"{stem}.fp32.onnx", CARD, "").name == name


def test_the_card_survives_its_file(save: Save) -> None:
    assert read_card(save(CARD.to_metadata(), "eye.fp16.onnx")) == CARD
