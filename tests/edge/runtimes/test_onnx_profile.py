"""Profiles of ONNX Runtime: data types of convolutions and providers of nodes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edgeseg.errors import SystemSetupError
from edgeseg.runtimes.onnx_profile import (
    CPU_PROVIDER,
    NodeDetails,
    ProfileEvent,
    count_kernel_types,
    count_nodes_by_provider,
    kernel_types,
    run_with_profile,
)

PHOTO = np.zeros((1, 128, 128, 3), np.uint8)


def event(name: str, operator: str, element_type: str) -> ProfileEvent:
    shapes: list[dict[str, object]] = [{element_type: [1]}, {"float": [1]}]
    return ProfileEvent(name, NodeDetails(operator, input_type_shape=shapes))


def test_count_kernel_types_counts_each_convolution_once_by_its_input() -> None:
    events = [
        event("a", "Conv", "float16"),
        event("a", "Conv", "float16"),
        event("b", "QLinearConv", "uint8"),
        event("c", "Relu", "float"),
        ProfileEvent("session"),
    ]
    assert count_kernel_types(events) == {"float16": 1, "int8": 1}


def test_count_nodes_by_provider_ignores_events_without_provider() -> None:
    events = [ProfileEvent("n", NodeDetails(provider=name)) for name in ("A", "B", "A", "")]
    assert count_nodes_by_provider(events) == {"A": 2, "B": 1}


def test_kernel_types_of_fp32_model_are_float32(tiny_model: Path) -> None:
    assert set(kernel_types(tiny_model, 128, 1)) == {"float32"}


def test_kernel_types_of_dynamic_model_are_float32(tiny_model: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="requires onnx (extra 'export')")
    model = onnx.load(tiny_model)
    for tensor in (model.graph.input[0], model.graph.output[0]):
        for axis, side in ((1, "height"), (2, "width")):
            tensor.type.tensor_type.shape.dim[axis].dim_param = side
    file = tmp_path / os.fsdecode(b"\xff.fp32.onnx")
    file.write_bytes(model.SerializeToString())
    assert set(kernel_types(file, 128, 1)) == {"float32"}


def test_run_with_profile_on_cpu_reports_every_node(tiny_model: Path) -> None:
    probability, events = run_with_profile(tiny_model, 1, PHOTO)
    assert probability.shape == (128, 128)
    nodes = count_nodes_by_provider(events)
    assert nodes[CPU_PROVIDER] == nodes.total() > 0


def test_run_with_profile_on_unknown_provider_raises_setup_error(tiny_model: Path) -> None:
    with pytest.raises(SystemSetupError, match=CPU_PROVIDER):
        run_with_profile(tiny_model, 1, PHOTO, provider="NoSuchProvider")
