"""Tests of the `--output` option's format."""

from __future__ import annotations

import pytest

from edgeseg.errors import UsageError
from edgeseg_export.output_spec import OutputSpec


@pytest.mark.parametrize(
    ("text", "spec"),
    [("probability", OutputSpec(0, "probability")), ("3:logit", OutputSpec(3, "logit"))],
)
def test_parse_returns_index_and_kind(text: str, spec: OutputSpec) -> None:
    assert OutputSpec.parse(text) == spec


@pytest.mark.parametrize("text", ["", "-1:logit", "logit:1", "1:"])
def test_parse_rejects_invalid_text(text: str) -> None:
    with pytest.raises(UsageError):
        OutputSpec.parse(text)
