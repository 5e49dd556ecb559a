"""ResUNet-Deeper, the published system: FP32 and FP16 files with random weights, which serve for time and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgeseg import __version__, cpu
from edgeseg.errors import SurroundingsError
from edgeseg.model_card import Precision
from edgeseg.preprocessing import preset
from edgeseg.report import RowKey
from edgeseg_benchmarks.order import DEFAULT_RUNTIME, Candidate

NAME = "resunet-deeper"
REMARK = "random weights: only time and memory mean anything"
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")


def check_installed() -> None:
    """Making the files needs torch.

    Raises:
        SurroundingsError: the extra is not installed.
    """
    try:
        import onnxconverter_common  # noqa: F401, PLC0415
        import torch  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise SurroundingsError(
            f"--reference needs the extra 'export' ({error.name} is not installed); in the clone: "
            f"pip install '.[export]', with a wheel: pip install 'edgeseg-{__version__}-py3-none-any.whl[export]'"
        ) from error


def reference_rows(folder: Path, runtimes: Sequence[str], threads: Sequence[int]) -> list[Candidate]:
    """Write the files into a folder, at full size with the published preprocessing; their rows, a file's together."""
    files = _make(folder)
    return [
        Candidate(RowKey(NAME, precision, runtime, number), file, remarks=(REMARK,), scored=False)
        for precision, file in files.items()
        for runtime in runtimes
        for number in threads or (cpu.usable_cores(),)
        if runtime == DEFAULT_RUNTIME
    ]


def _make(folder: Path, architecture: str = NAME, size: int | None = None) -> dict[Precision, Path]:
    import torch  # noqa: PLC0415

    from edgeseg_export.card import card_of  # noqa: PLC0415
    from edgeseg_export.graph import PhotoToProbability, to_onnx  # noqa: PLC0415
    from edgeseg_export.half import to_half_compute  # noqa: PLC0415
    from edgeseg_export.publish import with_card  # noqa: PLC0415
    from edgeseg_export.source import Source  # noqa: PLC0415
    from edgeseg_train.checkpoint import WorkingSize  # noqa: PLC0415
    from edgeseg_train.network import build, named  # noqa: PLC0415

    how = preset("reference", size)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build(named(architecture)).eval()
    working = WorkingSize("default", how.size, 0.5)
    source = Source(network, architecture, replace(how, size=how.size), (working,))
    model = to_onnx(PhotoToProbability(network, how), how.size)
    files: dict[Precision, Path] = {}
    for precision in PRECISIONS:
        file = folder / f"{architecture}.{precision}.onnx"
        graph = model if precision == "fp32" else to_half_compute(model)
        file.write_bytes(with_card(graph, card_of(source, working, architecture, "0" * 64, precision)))
        files[precision] = file
    return files
