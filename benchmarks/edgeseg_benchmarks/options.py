"""The options of a benchmark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from edgeseg._version import __version__
from edgeseg.errors import SystemSetupError
from edgeseg.models.card import Precision
from edgeseg_benchmarks.record.row import BenchRuntime, RowKey

ShowProgress = Callable[[str], None]  # called with a few words about the current step
DEFAULT_RUNTIME: BenchRuntime = "onnxruntime"
OPTIONAL: dict[BenchRuntime, tuple[str, ...]] = {
    "openvino": ("openvino",),
    "ncnn": ("ncnn", "pnnx"),
}
NCNN: BenchRuntime = "ncnn"  # measured in FP32 and only here: `edgeseg run` does not support it


@dataclass(frozen=True)
class BenchOptions:
    """Options of a benchmark: what to measure, and how.

    Attributes:
        models: shipped names or model files; the first one determines the first row.
        precisions: precisions of each model.
        every: measure every shipped model and every precision.
        runtimes: names of runtimes; empty for every installed one.
        threads: numbers of CPU threads; empty for every core that the process may use.
        data: data sets (`NAME:DIR`) whose test split is scored.
        rounds: number of timed rounds; None for as many as fit the time per row.
        warmup: number of untimed rounds, at least one.
        reference: also measure ResUNet-Deeper.
        timeout_s: time limit for one answer of a row's process.
        only: keys of the rows to measure; empty for all.
    """

    models: tuple[str, ...] = ("default",)
    precisions: tuple[Precision, ...] = ("fp32",)
    every: bool = False
    runtimes: tuple[BenchRuntime, ...] = ()
    threads: tuple[int, ...] = ()
    data: tuple[str, ...] = ()
    rounds: int | None = None
    warmup: int = 3
    reference: bool = False
    timeout_s: float = 600.0
    only: frozenset[RowKey] = frozenset()


def installed_bench_runtimes() -> tuple[BenchRuntime, ...]:
    """Return the runtimes whose packages are installed, ONNX Runtime first.

    A runtime that does not work is reported by its row.
    """
    installed = [name for name, packages in OPTIONAL.items() if all(map(find_spec, packages))]
    return (DEFAULT_RUNTIME, *installed)


def require_extra(extra: str, option: str, *packages: str) -> None:
    """Check that the packages of an optional dependency are installed.

    Args:
        extra: name of the extra.
        option: command-line option that requires it, for the message.
        packages: import names of the required packages.

    Raises:
        SystemSetupError: a package is missing; the message contains the command to install it.
    """
    for package in packages:
        if find_spec(package) is None:
            raise SystemSetupError(
                f"{option}: requires the extra '{extra}' ({package} is not installed). "
                f"Install it with: pip install '.[{extra}]' in the clone, or "
                f"pip install 'edgeseg-{__version__}-py3-none-any.whl[{extra}]' with a wheel."
            )
