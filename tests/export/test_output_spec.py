"""Tests of the format of `--output`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.errors import UsageError
from edgeseg_export.output_spec import OutputSpec

NAMES = st.from_regex(r"[a-z_][a-z0-9_.]{0,10}", fullmatch=True)
SPECS = st.builds(
    OutputSpec,
    st.one_of(st.integers(-9, 9), NAMES),
    st.sampled_from(["logit", "probability", "softmax"]),
    st.one_of(st.none(), st.integers(-3, 3)),
)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("probability", OutputSpec(None, "probability")),
        ("3:logit", OutputSpec(3, "logit")),
        ("-1:logit", OutputSpec(-1, "logit")),
        ("-1", OutputSpec(-1, "logit")),
        ("out", OutputSpec("out", "logit")),
        ("logits:softmax:1", OutputSpec("logits", "softmax", 1)),
        ("softmax:1", OutputSpec(None, "softmax", 1)),
        ("logit:-2", OutputSpec(None, "logit", -2)),
        ("probability:logit", OutputSpec("probability", "logit")),
    ],
)
def test_parse_returns_output_kind_and_channel(text: str, spec: OutputSpec) -> None:
    assert OutputSpec.parse(text) == spec


@given(SPECS)
def test_parse_of_text_returns_same_spec(spec: OutputSpec) -> None:
    assert OutputSpec.parse(str(spec)) == spec


@pytest.mark.parametrize("text", ["", ":logit", "1:", "a:b", "0:logit:x", "a:b:logit", "1:2:3"])
def test_parse_rejects_invalid_text(text: str) -> None:
    with pytest.raises(UsageError):
        OutputSpec.parse(text)
