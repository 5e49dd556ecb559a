"""Tests of weights in Constant nodes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from edgeseg_export.onnx_graph.constants import (
    MIN_VALUES,
    count_weight_bytes,
    move_constants_to_weights,
)
from edgeseg_export.precision.fp16 import to_half_compute, to_half_weights

TEXT = """
    <ir_version: 8, opset_import: ["": 17]>
    g (float[1, 2, 4, 4] x) => (float[1, 2, 4, 4] y)
    <float[2, 2, 1, 1] kernel = {1, 2, 3, 4}>
    {
        a = Conv (x, kernel)
        y = Relu (a)
    }"""


@pytest.fixture
def model() -> onnx.ModelProto:
    """Return a graph with a large weight and a small number, both in Constant nodes."""
    weight = numpy_helper.from_array(np.full((1, 2, 4, 4), 3, np.float32))
    scale = numpy_helper.from_array(np.float32(2).reshape(1))
    helper = onnx.helper
    nodes = [
        helper.make_node("Constant", [], ["weight"], value=weight),
        helper.make_node("Constant", [], ["scale"], value=scale),
        helper.make_node("Mul", ["photo", "weight"], ["a"]),
        helper.make_node("Mul", ["a", "scale"], ["probability"]),
    ]
    ends = []
    for name in ("photo", "probability"):
        ends.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 2, 4, 4]))
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_count_weight_bytes_includes_constant_nodes(model: onnx.ModelProto) -> None:
    assert count_weight_bytes(model) == 32 * 4 + 4
    assert count_weight_bytes(onnx.parser.parse_model(TEXT)) == 16


def test_count_weight_bytes_includes_subgraphs(model: onnx.ModelProto) -> None:
    branch = onnx.helper.make_graph(list(model.graph.node), "then", [], list(model.graph.output))
    outer = onnx.ModelProto()
    outer.CopyFrom(model)
    outer.graph.node.append(onnx.helper.make_node("If", ["flag"], ["z"], then_branch=branch))
    assert count_weight_bytes(outer) == 2 * count_weight_bytes(model)


def test_move_constants_moves_only_large_weights(model: onnx.ModelProto) -> None:
    photo = np.ones((1, 2, 4, 4), np.float32)
    (before,) = ReferenceEvaluator(model).run(None, {"photo": photo})
    size = count_weight_bytes(model)
    moved = move_constants_to_weights(model)
    onnx.checker.check_model(moved, full_check=True)
    assert [weight.name for weight in moved.graph.initializer] == ["weight"]
    assert [node.op_type for node in moved.graph.node] == ["Constant", "Mul", "Mul"]
    (after,) = ReferenceEvaluator(moved).run(None, {"photo": photo})
    assert np.array_equal(before, after)
    assert count_weight_bytes(moved) == size
    assert MIN_VALUES <= 32


def test_half_precision_variants_halve_moved_constants(model: onnx.ModelProto) -> None:
    moved = move_constants_to_weights(model)
    assert count_weight_bytes(to_half_weights(moved)) == 32 * 2 + 4
    assert count_weight_bytes(to_half_compute(moved)) == 32 * 2 + 2
