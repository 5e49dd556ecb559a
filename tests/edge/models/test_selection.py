"""Selection of model files: names, precisions, and the rule of `auto`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from edgeseg.errors import ModelError
from edgeseg.models.card import ModelCard, Precision, read_card
from edgeseg.models.catalog import MODEL_FOLDER, SHIPPED_MODELS, ModelFile
from edgeseg.models.selection import choose_precision, resolve_model
from edgeseg.preprocessing.config import preprocessing_preset

Write = Callable[..., Path]

RASPBERRY_PI_4 = {"fp", "asimd", "evtstrm", "crc32"}
RASPBERRY_PI_5 = {"fp", "asimd", "fphp", "asimdhp", "asimddp"}
SERVER = {"avx2", "avx512_vnni", "amx_int8"}


@pytest.mark.parametrize("name", sorted(SHIPPED_MODELS))
def test_resolve_model_finds_shipped_models_on_every_cpu(name: str) -> None:
    for cpu in (RASPBERRY_PI_4, RASPBERRY_PI_5, SERVER, set[str]()):
        model = resolve_model(name, "auto", cpu)
        assert model.path.parent == MODEL_FOLDER
        assert model.name == name


def test_model_file_name_is_valid_in_json(tiny_model: Path) -> None:
    file = ModelFile(tiny_model.with_name("\udcff.int8.onnx"), read_card(tiny_model), "")
    assert file.name == r"\udcff"


def test_resolve_model_with_file_and_auto_keeps_the_file(write_model: Write) -> None:
    file = write_model("x.fp32")
    write_model("x.fp16", precision="fp16")
    assert resolve_model(file, "auto", RASPBERRY_PI_5).path == file
    assert resolve_model(str(file), "auto", RASPBERRY_PI_5).path == file


def test_resolve_model_with_precision_returns_its_file(write_model: Write) -> None:
    wide = write_model("x.fp32")
    half = write_model("x.fp16w", precision="fp16w")
    base = wide.with_name("x")
    assert resolve_model(base, "fp16w", set()).path == half
    assert resolve_model(wide, "fp16w", set()).path == half
    assert resolve_model(half, "fp32", set()).path == wide
    with pytest.raises(ModelError, match=r"no int8 file .*fp32, fp16w"):
        resolve_model(base, "int8", set())


def test_resolve_model_without_precision_in_file_name_checks_the_card(write_model: Write) -> None:
    file = write_model("mine", precision="fp16")
    assert resolve_model(file, "auto", set()).path == file
    assert resolve_model(file, "fp16", set()).path == file
    with pytest.raises(ModelError, match="fp16, not fp32"):
        resolve_model(file, "fp32", set())


def test_auto_selects_precision_by_cpu_features(write_model: Write) -> None:
    files = {p: write_model(f"x.{p}", precision=p) for p in get_args(Precision)}
    base = files["fp32"].with_name("x")
    assert resolve_model(base, "auto", RASPBERRY_PI_4).path == files["fp32"]
    assert resolve_model(base, "auto", SERVER).path == files["fp32"]
    assert resolve_model(base, "auto", RASPBERRY_PI_5).path == files["fp16"]
    assert resolve_model(base, "auto", {"asimdhp"}).path == files["fp32"]
    assert resolve_model(base, "auto", set()).path == files["fp32"]


def test_auto_without_fp32_file_selects_an_available_precision(write_model: Write) -> None:
    half = write_model("x.fp16w", precision="fp16w")
    base = half.with_name("x")
    write_model("x.int8", precision="int8")
    assert resolve_model(base, "auto", SERVER).path == half
    half.unlink()
    assert resolve_model(base, "auto", RASPBERRY_PI_4).path == base.with_name("x.int8.onnx")


def test_auto_ignores_files_of_another_checkpoint(write_model: Write) -> None:
    wide = write_model("x.fp32")
    write_model("x.fp16", precision="fp16", checkpoint_sha256="cd" * 32)
    assert resolve_model(wide.with_name("x"), "auto", RASPBERRY_PI_5).path == wide


OTHER_SETTINGS = [
    {"checkpoint_sha256": "cd" * 32},
    {"preprocessing": preprocessing_preset("edge", 256)},
    {"threshold": 0.5},
    {"architecture": "net.py:other"},
]


@pytest.mark.parametrize("changes", OTHER_SETTINGS)
def test_resolve_model_rejects_precision_of_another_model(
    write_model: Write, changes: dict[str, object]
) -> None:
    wide = write_model("x.fp32")
    half = write_model("x.fp16", precision="fp16", **changes)
    small = write_model("x.int8", precision="int8", **changes)
    for model in (wide, wide.with_name("x")):
        with pytest.raises(
            ModelError, match=r"x\.fp16\.onnx: not the same model as .*x\.fp32\.onnx"
        ):
            resolve_model(model, "fp16", set())
    assert resolve_model(wide, "fp32", set()).path == wide
    assert resolve_model(half, "auto", set()).path == half
    assert resolve_model(half, "int8", set()).path == small
    assert resolve_model(wide.with_name("x"), "auto", RASPBERRY_PI_5).path == wide


def test_resolve_model_accepts_precision_converted_from_another_folder(write_model: Write) -> None:
    wide = write_model("x.fp32", architecture="net.py:build")
    half = write_model("x.fp16", precision="fp16", architecture="../code/net.py:build")
    assert resolve_model(wide, "fp16", set()).path == half


def test_resolve_model_accepts_names_with_dots(write_model: Write) -> None:
    file = write_model("best.v2.fp32")
    model = resolve_model(file.with_name("best.v2"), "auto", set())
    assert model.path == file
    assert model.name == "best.v2"


@pytest.mark.parametrize(
    "model", ["", ".", "..", "/", "nothing", "no/such.onnx", "x" * 5000, "a\0b", ".fp32.onnx"]
)
@pytest.mark.parametrize("precision", ["auto", "fp16"])
def test_resolve_model_with_invalid_name_raises_one_line(model: str, precision: Precision) -> None:
    with pytest.raises(ModelError) as caught:
        resolve_model(model, precision, set())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(model) + 200


def test_resolve_model_with_unknown_name_lists_shipped_models() -> None:
    with pytest.raises(ModelError, match=f"^nothing: .*{', '.join(SHIPPED_MODELS)}"):
        resolve_model("nothing", "auto", set())


def test_resolve_model_with_checkpoint_suggests_convert(tmp_path: Path) -> None:
    checkpoint = tmp_path / "best.pt"
    checkpoint.write_bytes(b"PK")
    with pytest.raises(ModelError, match=r"best\.pt: .*edgeseg convert"):
        resolve_model(checkpoint, "auto", set())


@pytest.mark.parametrize("only", get_args(Precision))
@pytest.mark.parametrize("features", [set(), RASPBERRY_PI_5, SERVER])
def test_choose_precision_with_one_file_returns_it_on_every_cpu(
    card: ModelCard, only: Precision, features: set[str]
) -> None:
    chosen, reason = choose_precision({only: card}, features)
    assert chosen == only
    assert reason


def with_dice(precision: Precision, card: ModelCard, evidence: dict[str, float]) -> ModelCard:
    return card._replace(precision=precision, evidence=evidence)


@pytest.mark.parametrize("feature", ["avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "avx2"])
def test_choose_precision_selects_int8_if_cpu_supports_it_and_dice_is_validated(
    card: ModelCard, feature: str
) -> None:
    validated = {"drive/test/native": 0.801}
    wide, small = (
        with_dice("fp32", card, {"drive/test/native": 0.806}),
        with_dice("int8", card, validated),
    )
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
            choose_precision({"fp32": wide, "int8": with_dice("int8", card, evidence)}, {feature})[
                0
            ]
            == "fp32"
        )


@pytest.mark.parametrize(
    ("file", "name"), [("eye.fp16.onnx", "eye"), ("eye.onnx", "eye"), ("v1.2.int8.onnx", "v1.2")]
)
def test_model_file_name_is_its_file_name_without_precision(
    tmp_path: Path, card: ModelCard, file: str, name: str
) -> None:
    assert ModelFile(tmp_path / file, card, "").name == name


def test_model_file_name_of_shipped_file_is_its_shipped_name(card: ModelCard) -> None:
    for name, stem in SHIPPED_MODELS.items():
        assert ModelFile(MODEL_FOLDER / f"{stem}.fp32.onnx", card, "").name == name


@pytest.mark.parametrize("feature", ["avx2", "avx512_vnni", "asimddp"])
def test_auto_selects_float_file_when_int8_is_slower(feature: str, card: ModelCard) -> None:
    evidence = {"drive/test/native": 0.81}
    cards: dict[Precision, ModelCard] = {p: with_dice(p, card, evidence) for p in ("fp32", "fp16")}
    int8 = with_dice("int8", card, evidence)
    assert choose_precision({**cards, "int8": int8}, {feature})[0] == "int8"
    cards["int8"] = int8._replace(int8_slower=True)
    assert choose_precision(cards, {feature})[0] == "fp32"
    assert choose_precision(cards, {feature, *RASPBERRY_PI_5})[0] == "fp16"
    assert choose_precision({"int8": cards["int8"]}, {feature})[0] == "int8"
