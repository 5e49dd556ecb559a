"""Tests of the ONNX graph helper."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from edgeseg_export.onnx_graph.graph import (
    OnnxGraph,
    read_attribute,
    sort_nodes,
)

TEXT = """
    <ir_version: 8, opset_import: ["": 17]>
    g (float[1, 2, 4, 4] x) => (float[1, 2, 4, 4] y)
    <float[2, 2, 1, 1] kernel = {1, 2, 3, 4}, float[1] unread = {5}>
    {
        a = Conv <strides = [1, 1]> (x, kernel)
        b = Relu (a)
        y = Add (b, b)
    }"""


@pytest.fixture
def model() -> onnx.ModelProto:
    model: onnx.ModelProto = onnx.parser.parse_model(TEXT)
    return model


def test_match_chain_returns_nodes_from_last_to_first(model: onnx.ModelProto) -> None:
    graph = OnnxGraph(model)
    assert [node.op_type for node in graph.match_chain("a", ["Conv"])] == ["Conv"]
    assert graph.match_chain("a", ["Relu"]) == []
    assert graph.match_chain("b", ["Relu", "Conv"]) == []  # the node Add reads b twice


def test_are_private_weights_requires_one_reader(model: onnx.ModelProto) -> None:
    graph = OnnxGraph(model)
    assert graph.are_private_weights(["kernel"])
    assert not graph.are_private_weights(["kernel", "unread"])
    assert not graph.are_private_weights(["a"])


def test_write_weight_changes_model(model: onnx.ModelProto) -> None:
    graph = OnnxGraph(model)
    graph.write_weight("kernel", graph.read_weight("kernel")[::-1].astype(np.float64))
    values = onnx.numpy_helper.to_array(model.graph.initializer[0])
    assert values.dtype == np.float32
    assert values.ravel().tolist() == [3, 4, 1, 2]


def test_remove_unread_weights_keeps_used_weights(model: onnx.ModelProto) -> None:
    OnnxGraph(model).remove_unread_weights()
    assert [weight.name for weight in model.graph.initializer] == ["kernel"]


def test_shapes_contain_inferred_values(model: onnx.ModelProto) -> None:
    assert OnnxGraph(model).shapes["b"] == (1, 2, 4, 4)


def test_read_attribute_returns_default_when_missing(model: onnx.ModelProto) -> None:
    node = model.graph.node[0]
    assert list(read_attribute(node, "strides", [])) == [1, 1]
    assert read_attribute(node, "group", 7) == 7


def test_sort_nodes_restores_order(model: onnx.ModelProto) -> None:
    expected = [node.op_type for node in model.graph.node]
    nodes = list(
        reversed([onnx.NodeProto.FromString(n.SerializeToString()) for n in model.graph.node])
    )
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    assert [node.op_type for node in sort_nodes(model).graph.node] == expected


def test_sort_nodes_rejects_cycle(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "y"
    with pytest.raises(ValueError, match="cycle"):
        sort_nodes(model)
