"""Export the FP32 graph. All precisions are converted from this graph."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import onnx

from edgeseg.datasets import DataSet
from edgeseg.errors import ModelError
from edgeseg.evaluation.result import Check
from edgeseg.models.card import Precision
from edgeseg_export.network_output import SizeError
from edgeseg_export.onnx_graph.constants import count_weight_bytes, move_constants_to_weights
from edgeseg_export.onnx_graph.simplify import simplify
from edgeseg_export.onnx_graph.size_search import describe_sizes
from edgeseg_export.onnx_graph.trace import OPSET, PhotoToProbability, trace_to_onnx
from edgeseg_export.source import SourceNetwork
from edgeseg_train.checkpoint import WorkingSize

# Converted graph and checks of the conversion.
ConvertedGraph: TypeAlias = tuple[onnx.ModelProto, list[Check]]

DEFAULT_SIZE = "default"


@dataclass(frozen=True)
class ExportOptions:
    """Options for all working sizes and precisions of a conversion.

    Attributes:
        precisions: precisions of the files, in this order.
        data_sets: photographs for the checks.
        scored: whether to compute the Dice on the check photographs; False for the default
            synthetic photographs.
        calibration: data sets for INT8 as `NAME:DIR`; synthetic photographs if empty.
        opset: opset of the graph.
        simplified: whether to simplify the graph with onnxsim.
        dynamic: whether to make height and width dynamic.
        max_dice_drop: largest allowed drop of mean Dice; None for the limit of each precision.
    """

    precisions: tuple[Precision, ...]
    data_sets: tuple[DataSet, ...]
    scored: bool
    calibration: tuple[str, ...] = ()
    opset: int = OPSET
    simplified: bool = True
    dynamic: bool = False
    max_dice_drop: float | None = None


@dataclass(frozen=True, eq=False)
class Fp32Graph:
    """FP32 graph of a network at one working size.

    Attributes:
        source: network, with the preprocessing for this working size.
        size: working size.
        name: model name (`NAME`, `NAME-detail`).
        network: PyTorch network with the input and output of the graph.
        file: ONNX file of the graph, without metadata.
        weight_bytes: size of the weights.
        simplified: check that contains the result of onnxsim. This check always passes.
    """

    source: SourceNetwork
    size: WorkingSize
    name: str
    network: PhotoToProbability
    file: Path
    weight_bytes: int
    simplified: Check


def export_fp32(
    source: SourceNetwork, size: WorkingSize, stem: str, options: ExportOptions, scratch: Path
) -> Fp32Graph:
    """Trace a network at one working size and simplify its graph.

    Args:
        source: network.
        size: working size.
        stem: model name at the default working size. The name of another size is appended.
        options: options of the conversion.
        scratch: existing folder for the graph.

    Raises:
        ModelError: The network cannot be exported.
    """
    name = stem if size.name == DEFAULT_SIZE else f"{stem}-{size.name}"
    source = replace(source, preprocessing=replace(source.preprocessing, size=size.size))
    network = PhotoToProbability(
        source.network, source.preprocessing, source.output, source.input_channels
    ).eval()
    try:
        model = trace_to_onnx(network, size.size, options.opset, options.dynamic)
    except SizeError as error:
        advice = describe_sizes(network, size.size, options.opset, str(error))
        raise ModelError(f"{error} {advice}") from error
    problem = "not requested"
    if options.simplified:
        model, problem = simplify(model)
    model = move_constants_to_weights(model)
    simplified = Check("simplified", None, None, problem or "by onnxsim", True)
    file = scratch / f"{name}.graph.onnx"
    onnx.save(model, file)
    return Fp32Graph(source, size, name, network, file, count_weight_bytes(model), simplified)
