"""FP32 and FP16 files of the published model ResUNet-Deeper, with random weights."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edgeseg.device import cpu
from edgeseg.models.card import Precision
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg_benchmarks.options import BenchOptions
from edgeseg_benchmarks.record import RowKey
from edgeseg_benchmarks.rows import DEFAULT_RUNTIME, RowSpec

NAME = "resunet-deeper"
REMARK = "only time and memory are meaningful, because the weights are random"
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")


def reference_rows(folder: Path, options: BenchOptions) -> Iterator[RowSpec]:
    """Write model files of the published network with its preprocessing, and yield their rows.

    Args:
        folder: folder for the files.
        options: options of the benchmark. This model is measured only in ONNX Runtime.
    """
    if options.runtimes and DEFAULT_RUNTIME not in options.runtimes:
        return
    for precision, file in _write_models(folder).items():
        for threads in options.threads or (cpu.usable_cores(),):
            key = RowKey(NAME, precision, DEFAULT_RUNTIME, threads)
            yield RowSpec(key, file, remarks=(REMARK,), scored=False)


def _write_models(
    folder: Path, architecture: str = NAME, size: int | None = None
) -> dict[Precision, Path]:
    import torch

    from edgeseg_export.onnx_graph.trace import PhotoToProbability, trace_to_onnx
    from edgeseg_export.precision.fp16 import to_half_compute
    from edgeseg_export.publish import add_card, make_card
    from edgeseg_export.source import SourceNetwork
    from edgeseg_train.checkpoint import WorkingSize
    from edgeseg_train.network.resunet import architecture_by_name, build_network

    config = preprocessing_preset("reference", size)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(architecture_by_name(architecture)).eval()
    working = WorkingSize("default", config.size, 0.5)
    source = SourceNetwork(network, architecture, replace(config, size=config.size), (working,))
    model = trace_to_onnx(PhotoToProbability(network, config), config.size)
    files: dict[Precision, Path] = {}
    for precision in PRECISIONS:
        files[precision] = folder / f"{architecture}.{precision}.onnx"
        graph = model if precision == "fp32" else to_half_compute(model)
        card = make_card(source, working, architecture, "0" * 64, precision)
        files[precision].write_bytes(add_card(graph, card))
    return files
