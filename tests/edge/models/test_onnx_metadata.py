"""Metadata of ONNX files."""

from __future__ import annotations

import io

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.models.onnx_metadata import read_metadata


@given(
    version=st.integers(0, 2**63 - 1),
    metadata=st.dictionaries(st.text(max_size=20), st.text(max_size=300), max_size=5),
)
def test_read_metadata_of_any_ir_and_model_version_returns_the_entries(
    version: int, metadata: dict[str, str]
) -> None:
    model = onnx.ModelProto(
        ir_version=version,
        model_version=version,
        producer_name="producer",
        graph=onnx.GraphProto(name="graph"),
    )
    onnx.helper.set_model_props(model, metadata)
    assert read_metadata(io.BytesIO(model.SerializeToString())) == metadata


def test_read_metadata_of_truncated_file_raises_value_error() -> None:
    model = onnx.ModelProto(ir_version=10, producer_name="producer")
    onnx.helper.set_model_props(model, {"key": "value"})
    data = model.SerializeToString()
    with pytest.raises(ValueError, match="truncated"):
        read_metadata(io.BytesIO(data[:-1]))
