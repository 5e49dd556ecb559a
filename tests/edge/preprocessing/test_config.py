"""PreprocessingConfig from untrusted data."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.errors import ModelError
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset

JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from(["keep", "fov"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=6,
)
KEYS = list(PreprocessingConfig(size=64).to_dict())


def test_presets_have_documented_values() -> None:
    assert preprocessing_preset("edge") == PreprocessingConfig(
        640, "found", "fov", "pad", "balance", "clahe", 2.0, 8, "after", 0
    )
    assert preprocessing_preset("edge", 1024).size == 1024
    imagenet = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    reference = PreprocessingConfig(
        512, "grey10", "frame", "stretch", "keep", "clahe", 2.0, 8, "before", 0, **imagenet
    )
    assert preprocessing_preset("reference") == reference


@given(st.from_type(PreprocessingConfig))
def test_config_after_round_trip_through_json_is_equal(config: PreprocessingConfig) -> None:
    assert PreprocessingConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "size"),
        ({"size": 64, "Size": 3}, "'Size'"),
        ({"size": 64, "fov": "circle"}, "fov"),
        ({"size": 64, "fov": 3}, "fov"),
        ({"size": 64, "fov": "keep"}, "fov"),
        ({"size": 64, "fov": "x" * 10**6}, "x"),
        ({"size": 64, "x" * 10**6: 3}, "'x"),
        ({"size": "keep"}, "size"),
        ({"size": True}, "size"),
        ({"size": 64.0}, "size"),
        ({"size": 64.5}, "size"),
        ({"size": 31}, "size"),
        ({"size": 100_000}, "size"),
        ({"size": float("inf")}, "size"),
        ({"size": float("nan")}, "size"),
        ({"size": 10**400}, "size"),
        ({"size": 64, "tiles": 0}, "tiles"),
        ({"size": 64, "tiles": "keep"}, "tiles"),
        ({"size": 64, "clip_limit": 0}, "clip_limit"),
        ({"size": 64, "clip_limit": float("nan")}, "clip_limit"),
        ({"size": 64, "colour": "balance", "contrast_at": "before"}, "contrast_at"),
        ({"size": 64, "fill": 256}, "fill"),
        ({"size": 64, "fill": "black"}, "fill"),
        ({"size": 64, "mean": [0, 0]}, "mean"),
        ({"size": 64, "mean": [0, 0, "x"]}, "mean"),
        ({"size": 64, "mean": [0, 0, 10**400]}, "mean"),
        ({"size": 64, "std": [1, 0, 1]}, "std"),
        ({"size": 64, "std": [1, float("nan"), 1]}, "std"),
    ],
)
def test_from_dict_with_invalid_value_raises_one_line_naming_the_key(
    values: dict[str, object], named: str
) -> None:
    with pytest.raises(ModelError, match=named) as error:
        PreprocessingConfig.from_dict(values)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


@given(
    st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=6)), JSON_VALUES, max_size=6)
)
def test_from_dict_with_any_values_returns_config_or_raises_model_error(
    values: dict[str, object],
) -> None:
    try:
        config = PreprocessingConfig.from_dict({"size": 64} | values)
    except ModelError:
        return
    assert PreprocessingConfig.from_dict(config.to_dict()) == config
