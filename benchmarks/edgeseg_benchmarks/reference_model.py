"""ResUNet-Deeper, the published system: FP32 and FP16 files with random weights, which serve for time and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgeseg._version import __version__
from edgeseg.device import cpu
from edgeseg.errors import SystemSetupError
from edgeseg.models.card import Precision
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg_benchmarks.record.row import RowKey
from edgeseg_benchmarks.rows import DEFAULT_RUNTIME, RowSpec

NAME = "resunet-deeper"
REMARK = "random weights: only time and memory mean anything"
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")


def check_installed() -> None:
    """Making the files needs torch.

    Raises:
        SurroundingsError: the extra is not installed.
    """
    try:
        import onnxconverter_common  # noqa: F401
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise SystemSetupError(
            f"--reference needs the extra 'export' ({error.name} is not installed); in the clone: "
            f"pip install '.[export]', with a wheel: pip install 'edgeseg-{__version__}-py3-none-any.whl[export]'"
        ) from error


def reference_rows(folder: Path, runtimes: Sequence[str], threads: Sequence[int]) -> list[RowSpec]:
    """Write the files into a folder, at full size with the published preprocessing; their rows, a file's together."""
    files = _make(folder)
    return [
        RowSpec(RowKey(NAME, precision, runtime, number), file, remarks=(REMARK,), scored=False)
        for precision, file in files.items()
        for runtime in runtimes
        for number in threads or (cpu.usable_cores(),)
        if runtime == DEFAULT_RUNTIME
    ]


def _make(folder: Path, architecture: str = NAME, size: int | None = None) -> dict[Precision, Path]:
    import torch

    from edgeseg_export.model_card import make_card
    from edgeseg_export.onnx_graph.trace import PhotoToProbability, trace_to_onnx
    from edgeseg_export.precision.fp16 import to_half_compute
    from edgeseg_export.publish import add_card
    from edgeseg_export.source import SourceNetwork
    from edgeseg_train.checkpoint import WorkingSize
    from edgeseg_train.network.resunet import architecture_by_name, build_network

    how = preprocessing_preset("reference", size)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(architecture_by_name(architecture)).eval()
    working = WorkingSize("default", how.size, 0.5)
    source = SourceNetwork(network, architecture, replace(how, size=how.size), (working,))
    model = trace_to_onnx(PhotoToProbability(network, how), how.size)
    files: dict[Precision, Path] = {}
    for precision in PRECISIONS:
        file = folder / f"{architecture}.{precision}.onnx"
        graph = model if precision == "fp32" else to_half_compute(model)
        file.write_bytes(
            add_card(graph, make_card(source, working, architecture, "0" * 64, precision))
        )
        files[precision] = file
    return files
