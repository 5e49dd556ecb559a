"""Which model file serves a request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from edgeseg.errors import ModelError
from edgeseg.models import MODEL_FOLDER, SHIPPED_MODELS
from edgeseg.models.card import ModelCard, Precision
from edgeseg.models.catalog import choose_precision, resolve_model

Write = Callable[..., Path]

RASPBERRY_PI_4 = {"fp", "asimd", "evtstrm", "crc32"}
RASPBERRY_PI_5 = {"fp", "asimd", "fphp", "asimdhp", "asimddp"}
SERVER = {"avx2", "avx512_vnni", "amx_int8"}


@pytest.mark.parametrize("name", sorted(SHIPPED_MODELS))
def test_shipped_names_are_found_on_every_cpu(name: str) -> None:
    for cpu in (RASPBERRY_PI_4, RASPBERRY_PI_5, SERVER, set[str]()):
        found = resolve_model(name, "auto", cpu)
        assert found.path.parent == MODEL_FOLDER
        assert found.name == name


def test_a_named_file_is_taken_as_it_is(write_model: Write) -> None:
    file = write_model("x.fp32")
    write_model("x.fp16", precision="fp16")
    assert resolve_model(file, "auto", RASPBERRY_PI_5).path == file
    assert resolve_model(str(file), "auto", RASPBERRY_PI_5).path == file


def test_a_precision_names_its_file(write_model: Write) -> None:
    wide = write_model("x.fp32")
    half = write_model("x.fp16w", precision="fp16w")
    base = wide.with_name("x")
    assert resolve_model(base, "fp16w", set()).path == half
    assert resolve_model(wide, "fp16w", set()).path == half
    assert resolve_model(half, "fp32", set()).path == wide
    with pytest.raises(ModelError, match=r"no int8 file .* fp32, fp16w"):
        resolve_model(base, "int8", set())


def test_a_file_whose_name_tells_no_precision(write_model: Write) -> None:
    file = write_model("mine", precision="fp16")
    assert resolve_model(file, "auto", set()).path == file
    assert resolve_model(file, "fp16", set()).path == file
    with pytest.raises(ModelError, match="is fp16, not fp32"):
        resolve_model(file, "fp32", set())


def test_auto_follows_the_cpu(write_model: Write) -> None:
    files = {p: write_model(f"x.{p}", precision=p) for p in get_args(Precision)}
    base = files["fp32"].with_name("x")
    assert resolve_model(base, "auto", RASPBERRY_PI_4).path == files["fp32"]
    assert resolve_model(base, "auto", SERVER).path == files["fp32"]
    assert resolve_model(base, "auto", RASPBERRY_PI_5).path == files["fp16"]
    assert resolve_model(base, "auto", {"asimdhp"}).path == files["fp32"]
    assert resolve_model(base, "auto", set()).path == files["fp32"]


def test_auto_takes_what_there_is(write_model: Write) -> None:
    half = write_model("x.fp16w", precision="fp16w")
    base = half.with_name("x")
    write_model("x.int8", precision="int8")
    assert resolve_model(base, "auto", SERVER).path == half
    half.unlink()
    assert resolve_model(base, "auto", RASPBERRY_PI_4).path == base.with_name("x.int8.onnx")


def test_files_of_another_checkpoint_are_strangers(write_model: Write) -> None:
    wide = write_model("x.fp32")
    write_model("x.fp16", precision="fp16", checkpoint_sha256="cd" * 32)
    assert resolve_model(wide.with_name("x"), "auto", RASPBERRY_PI_5).path == wide


def test_names_may_hold_dots(write_model: Write) -> None:
    file = write_model("best.v2.fp32")
    found = resolve_model(file.with_name("best.v2"), "auto", set())
    assert found.path == file
    assert found.name == "best.v2"


@pytest.mark.parametrize(
    "model", ["", ".", "..", "/", "nothing", "no/such.onnx", "x" * 5000, "a\0b", ".fp32.onnx"]
)
@pytest.mark.parametrize("precision", ["auto", "fp16"])
def test_what_is_no_model_is_refused_in_one_line(model: str, precision: Precision) -> None:
    with pytest.raises(ModelError) as refusal:
        resolve_model(model, precision, set())
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < len(model) + 200


def test_a_missing_name_says_what_there_is() -> None:
    with pytest.raises(
        ModelError, match=f"nothing: there is no such model.*{', '.join(SHIPPED_MODELS)}"
    ):
        resolve_model("nothing", "auto", set())


def test_a_file_that_is_no_onnx_is_told_so(tmp_path: Path) -> None:
    checkpoint = tmp_path / "best.pt"
    checkpoint.write_bytes(b"PK")
    with pytest.raises(ModelError, match=r"best\.pt: is no \.onnx file.*edgeseg convert"):
        resolve_model(checkpoint, "auto", set())


@pytest.mark.parametrize("only", get_args(Precision))
@pytest.mark.parametrize("features", [set(), RASPBERRY_PI_5, SERVER])
def test_the_rule_always_gives_a_file_that_is_there(
    card: ModelCard, only: Precision, features: set[str]
) -> None:
    chosen, reason = choose_precision({only: card}, features)
    assert chosen == only
    assert reason


def dice(precision: Precision, card: ModelCard, evidence: dict[str, float]) -> ModelCard:
    return card._replace(precision=precision, evidence=evidence)


@pytest.mark.parametrize("feature", ["avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "avx2"])
def test_int8_where_the_cpu_has_the_instructions_and_the_card_the_proof(
    card: ModelCard, feature: str
) -> None:
    proven = {"drive/test/native": 0.801}
    wide, small = dice("fp32", card, {"drive/test/native": 0.806}), dice("int8", card, proven)
    assert choose_precision({"fp32": wide, "int8": small}, {feature})[0] == "int8"
    assert choose_precision({"fp32": wide, "int8": small}, {"sse4_1", "asimd"})[0] == "fp32"
    assert (
        choose_precision({"int8": small, "fp16w": wide._replace(precision="fp16w")}, {feature})[0]
        == "int8"
    )
    for evidence in (
        {},
        {"drive/test/native": 0.8},
        {"synthetic/test/native": 0.9},
        {"stare/test/native": 0.9},
    ):
        assert (
            choose_precision({"fp32": wide, "int8": dice("int8", card, evidence)}, {feature})[0]
            == "fp32"
        )
