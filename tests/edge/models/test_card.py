"""ModelCard and the reading of model files. Every file must give a card or a ModelError."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeseg.errors import ModelError
from edgeseg.models.card import Licence, ModelCard, read_card
from edgeseg.preprocessing.config import preprocessing_preset

AsFile = Callable[[Mapping[str, str]], bytes]
SHARED_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

TEXT = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=20)
CARDS = st.builds(
    ModelCard,
    name=TEXT,
    architecture=TEXT,
    parameters=st.integers(0, 10**12),
    gmac=st.one_of(st.none(), st.floats(0, 1e6)),
    precision=st.sampled_from(["fp32", "fp16", "fp16w", "int8"]),
    compute=TEXT,
    preprocessing=st.sampled_from(
        [preprocessing_preset("edge", 64), preprocessing_preset("reference")]
    ),
    threshold=st.floats(0, 1),
    training_data=st.lists(st.builds(Licence, TEXT, st.integers(0, 10**6), TEXT), max_size=3).map(
        tuple
    ),
    evidence=st.dictionaries(TEXT, st.floats(0, 1), max_size=3),
    checkpoint_sha256=TEXT,
    output=TEXT,
    input_channels=TEXT,
    int8_slower=st.booleans(),
)


def read_or_reject(file: Path) -> ModelCard | None:
    """Return the card. If the file is rejected, check the message and return None."""
    try:
        return read_card(file)
    except ModelError as error:
        assert str(file) in str(error)
        assert str(error).isprintable()
        assert len(str(error)) < len(str(file)) + 400
        return None


@given(CARDS)
def test_card_after_round_trip_through_metadata_is_equal(card: ModelCard) -> None:
    entries = card.to_metadata()
    assert all(key.startswith("edgeseg.") for key in entries)
    assert ModelCard.from_metadata(entries, "x.onnx") == card
    assert ("edgeseg.int8_slower" in entries) == card.int8_slower


def test_read_card_equals_metadata_in_onnx_runtime(tiny_model: Path) -> None:
    session = onnxruntime.InferenceSession(str(tiny_model), providers=["CPUExecutionProvider"])
    entries = session.get_modelmeta().custom_metadata_map
    assert read_card(tiny_model) == ModelCard.from_metadata(entries, "x.onnx")
    assert read_card(tiny_model).preprocessing == preprocessing_preset("edge", 128)


def test_to_metadata_stores_text_as_is_and_values_as_json(card: ModelCard) -> None:
    entries = card.to_metadata()
    assert entries["edgeseg.name"] == "tiny"
    assert entries["edgeseg.precision"] == "fp32"
    assert json.loads(entries["edgeseg.preprocessing"])["size"] == 128
    assert json.loads(entries["edgeseg.training_data"])[0]["photographs"] == 3


def test_to_metadata_omits_output_of_own_network(card: ModelCard) -> None:
    optional = {"edgeseg.output", "edgeseg.input_channels"}
    assert not optional & card.to_metadata().keys()
    third_party = card._replace(output="1:logit", input_channels="bgr")
    assert optional <= third_party.to_metadata().keys()


def test_from_metadata_ignores_keys_without_prefix(card: ModelCard) -> None:
    foreign = {"name": "theirs", "precision": "theirs", "stride": "32"}
    entries = card.to_metadata()
    assert ModelCard.from_metadata(foreign | entries, "x.onnx") == card
    assert ModelCard.from_metadata(entries | foreign, "x.onnx") == card


@pytest.mark.parametrize(
    "missing", ["preprocessing", "threshold", "checkpoint_sha256", "training_data", "gmac"]
)
def test_from_metadata_with_missing_entry_reports_its_name(card: ModelCard, missing: str) -> None:
    entries = card.to_metadata()
    del entries[f"edgeseg.{missing}"]
    with pytest.raises(ModelError, match=rf"^x\.onnx: .*{missing}"):
        ModelCard.from_metadata(entries, "x.onnx")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threshold", "1.5"),
        ("threshold", "nan"),
        ("threshold", "half"),
        ("precision", "fp8"),
        ("parameters", "many"),
        ("gmac", "NaN"),
        ("gmac", "Infinity"),
        ("gmac", "1" + "0" * 400),
        ("gmac", '"5"'),
        ("preprocessing", "[]"),
        ("preprocessing", "7"),
        ("preprocessing", '"size"'),
        ("preprocessing", '{"size": Infinity}'),
        ("preprocessing", '{"size": "keep"}'),
        ("preprocessing", '{"size": 64, "zoom": 2}'),
        ("preprocessing", "[" * 100_000),
        ("preprocessing", '{"size": 64, "' + "x" * 5000 + '": 1}'),
        ("training_data", "{"),
        ("training_data", "5"),
        ("training_data", '[{"name": "a", "photographs": Infinity, "licence": "b"}]'),
        ("training_data", '[{"name": "a\\n", "photographs": 1, "licence": "b"}]'),
        ("evidence", "[1]"),
        ("evidence", '{"a": "b"}'),
        ("evidence", '{"a": 1e999}'),
        ("evidence", '{"\\ud800": 0.5}'),
        ("name", "\x1b]0;owned\x07"),
        ("name", "x" * 5000),
        ("format", "2"),
        ("format", "2" * 5000),
    ],
)
def test_read_card_with_invalid_entry_is_rejected(
    tmp_path: Path, card: ModelCard, as_file: AsFile, key: str, value: str
) -> None:
    file = tmp_path / "x.onnx"
    file.write_bytes(as_file(card.to_metadata() | {f"edgeseg.{key}": value}))
    assert read_or_reject(file) is None


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(
            sorted(
                ModelCard(
                    "", "", 0, 0, "fp32", "", preprocessing_preset("edge"), 0, ()
                ).to_metadata()
            )
        ),
        st.one_of(
            st.text(max_size=12),
            st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps),
        ),
        min_size=1,
    )
)
def test_from_metadata_with_any_entries_returns_card_or_raises_model_error(
    changes: dict[str, str],
) -> None:
    entries = (
        ModelCard("a", "b", 1, 1, "fp32", "c", preprocessing_preset("edge"), 0.5, ()).to_metadata()
        | changes
    )
    try:
        card = ModelCard.from_metadata(entries, "x.onnx")
    except ModelError as error:
        assert str(error).startswith("x.onnx: ")
    else:
        assert ModelCard.from_metadata(card.to_metadata(), "x.onnx") == card


def test_read_card_of_truncated_file_is_rejected(
    tmp_path: Path, card: ModelCard, as_file: AsFile
) -> None:
    data, file = as_file(card.to_metadata()), tmp_path / "x.onnx"
    for length in range(0, len(data), 3):
        file.write_bytes(data[:length])
        assert read_or_reject(file) is None, length


def test_read_card_of_truncated_model_reports_truncation(tiny_model: Path, tmp_path: Path) -> None:
    data, file = tiny_model.read_bytes(), tmp_path / "x.onnx"
    for share in (0.1, 0.5, 0.9):
        file.write_bytes(data[: int(share * len(data))])
        with pytest.raises(ModelError, match="truncated"):
            read_card(file)


@SHARED_FOLDER
@given(data=st.data())
def test_read_card_of_damaged_file_returns_card_or_raises_model_error(
    data: st.DataObject, tmp_path: Path, card: ModelCard, as_file: AsFile
) -> None:
    content, file = bytearray(as_file(card.to_metadata())), tmp_path / "x.onnx"
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        gone = data.draw(st.sampled_from([0, 1, 1, 1, 30]))
        content[at : at + gone] = data.draw(st.binary(max_size=3))
    file.write_bytes(content)
    read_or_reject(file)


@SHARED_FOLDER
@given(content=st.binary(max_size=200))
def test_read_card_of_random_bytes_raises_model_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.onnx"
    file.write_bytes(content)
    assert read_or_reject(file) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 a checkpoint, not a model",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"\x72" + b"\xff" * 9 + b"\x01",  # metadata of 2^64 - 1 bytes
        b"\x3a" + b"\xff" * 9 + b"\x01",  # a graph of 2^64 - 1 bytes
        b"\x72" + b"\x80" * 20,  # a number without an end
        b"\x08\x01" * 1_000_000,  # fields without an end
        b"\x72\x02\x0a\x00" * 1_000_000,  # metadata without an end
        b"\x72\x80\x80\x80\x08" + bytes(1 << 24),  # 16 MiB of metadata
        b"\x72\x80\x80\x3e" + b"\x08\x01" * 507_904,  # an entry of fields without an end
    ],
    ids=[
        "empty",
        "zip",
        "lfs",
        "long entry",
        "long graph",
        "varint",
        "fields",
        "entries",
        "large",
        "inner fields",
    ],
)
def test_read_card_of_malicious_file_raises_model_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.onnx"
    file.write_bytes(content)
    assert read_or_reject(file) is None


def test_read_card_without_file_raises_model_error(tmp_path: Path) -> None:
    assert read_or_reject(tmp_path / "none.onnx") is None
    assert read_or_reject(tmp_path) is None
    assert read_or_reject(tmp_path / ("x" * 5000)) is None


def test_card_with_dynamic_size_stores_null_gmac(card: ModelCard) -> None:
    dynamic = card._replace(gmac=None)
    assert dynamic.to_metadata()["edgeseg.gmac"] == "null"
    assert ModelCard.from_metadata(dynamic.to_metadata(), "x.onnx").gmac is None
