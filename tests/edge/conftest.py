"""Model files without a network, for tests of model selection and metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import strategies as st

from edgeseg.models.card import Licence, ModelCard
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset

CARD = ModelCard(
    name="tiny",
    architecture="tiny",
    parameters=110_640,
    gmac=0.58,
    precision="fp32",
    compute="float32",
    preprocessing=preprocessing_preset("edge", 128),
    threshold=0.4,
    training_data=(Licence("synthetic", 3, "drawn by this project (Apache-2.0)"),),
    evidence={"synthetic/validation/native": 0.5},
    checkpoint_sha256="ab" * 32,
)

st.register_type_strategy(
    PreprocessingConfig,
    st.builds(
        PreprocessingConfig,
        size=st.integers(32, 96),
        fov=st.sampled_from(["found", "grey10", "none"]),
        crop=st.sampled_from(["fov", "frame"]),
        fit=st.sampled_from(["pad", "stretch"]),
        contrast=st.sampled_from(["none", "clahe"]),
        clip_limit=st.floats(0.01, 100),
        tiles=st.integers(1, 64),
        contrast_at=st.sampled_from(["after", "before"]),
        fill=st.one_of(st.integers(0, 255), st.just("keep")),
        mean=st.tuples(*[st.floats(-10, 10)] * 3),
        std=st.tuples(*[st.floats(0.001, 10)] * 3),
    ),
)


def _varint(number: int) -> bytes:
    low = number & 0x7F
    return bytes([low]) if number < 0x80 else bytes([low | 0x80]) + _varint(number >> 7)


def _field(number: int, payload: bytes) -> bytes:
    """Return a length-delimited protobuf field."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def model_bytes(entries: Mapping[str, str]) -> bytes:
    """Return an ONNX file with IR version, producer, an invalid graph and metadata."""
    props = [_field(1, key.encode()) + _field(2, value.encode()) for key, value in entries.items()]
    start = b"\x08\x08" + _field(2, b"edgeseg") + _field(7, bytes(range(256)))
    return start + b"".join(_field(14, prop) for prop in props)


@pytest.fixture
def card() -> ModelCard:
    """Model card with all fields."""
    return CARD


@pytest.fixture
def as_file() -> Callable[[Mapping[str, str]], bytes]:
    """Function from metadata to the bytes of a model file."""
    return model_bytes


@pytest.fixture
def write_model(tmp_path: Path) -> Callable[..., Path]:
    """Function that writes NAME.onnx with the card and the given changes."""

    def write(name: str, **changes: object) -> Path:
        file = tmp_path / f"{name}.onnx"
        file.write_bytes(model_bytes(CARD._replace(**changes).to_metadata()))  # type: ignore[arg-type]
        return file

    return write
