"""What computes a network: one small protocol, a file for each runtime."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from edgeseg.errors import SystemSetupError
from edgeseg.imaging.arrays import Probability

RuntimeName: TypeAlias = Literal["onnxruntime", "openvino"]
RuntimeChoice: TypeAlias = Literal["auto", "onnxruntime", "openvino"]
ProviderChoice: TypeAlias = Literal["cpu", "cuda", "tensorrt"]


class Runtime(Protocol):
    """A loaded network."""

    @property
    def name(self) -> str:
        """As in reports."""
        ...

    @property
    def compute(self) -> str:
        """Where and how it computes, as far as the runtime tells: `CPUExecutionProvider`, `bfloat16`."""
        ...

    def infer(self, photo: npt.NDArray[np.uint8]) -> Probability:
        """(1, size, size, 3) uint8 RGB -> (size, size) float32, 0 to 1."""
        ...


def installed_runtimes() -> tuple[RuntimeName, ...]:
    """The runtimes that can be imported, the one that `auto` prefers first; none is loaded to tell.

    Whether one works on this device only a trial shows: `edgeseg doctor`.
    """
    return tuple(name for name in ("openvino", "onnxruntime") if _is_there(name))


def resolve_runtime(runtime: RuntimeChoice, provider: ProviderChoice | None = None) -> RuntimeName:
    """The runtime that a choice stands for: `auto` takes OpenVINO where it is installed, unless a provider is named.

    Raises:
        SurroundingsError: It is not installed; the message lists what is.
    """
    there = installed_runtimes()
    if runtime not in get_args(RuntimeChoice):
        raise SystemSetupError(
            f"--runtime {runtime}: unknown; there is {', '.join(there) or 'none'}"
        )
    if provider is not None and runtime == "openvino":
        raise SystemSetupError("--provider is ONNX Runtime's; leave out --runtime openvino")
    if runtime == "auto":
        wanted = (
            there if provider is None else tuple(name for name in there if name == "onnxruntime")
        )
        if wanted:
            return wanted[0]
        raise SystemSetupError("no runtime is installed; pip install onnxruntime")
    if runtime not in there:
        told = f"not installed ({install_remedy(runtime)})"
        raise SystemSetupError(
            f"--runtime {runtime}: {told}; there is {', '.join(there) or 'none'}"
        )
    return runtime


def install_remedy(runtime: RuntimeName) -> str:
    """What installs a runtime."""
    return (
        "pip install '.[openvino]' in the clone"
        if runtime == "openvino"
        else "pip install onnxruntime"
    )


def load_runtime(
    file: Path,
    size: int,
    runtime: RuntimeChoice,
    threads: int,
    provider: ProviderChoice | None = None,
) -> Runtime:
    """Load a model file whose card says `size`.

    Args:
        file: the model.
        size: side of its input in pixels.
        runtime: what computes it.
        threads: on the CPU.
        provider: ONNX Runtime's execution provider; None is the CPU.

    Raises:
        ModelError: the file is damaged or is not what its card says.
        SurroundingsError: the runtime or the provider is not available.
    """
    return runtime_loader(file, size, runtime, threads, provider)()


def runtime_loader(
    file: Path,
    size: int,
    runtime: RuntimeChoice,
    threads: int,
    provider: ProviderChoice | None = None,
) -> Callable[[], Runtime]:
    """What `load` has to do once the runtime's library is loaded, for a thread: it leaves Python's lock alone.

    Raises:
        SurroundingsError: the runtime is not available.
    """
    if resolve_runtime(runtime, provider) == "openvino":
        from edgeseg.runtimes.openvino_backend import OpenVino  # noqa: PLC0415

        return lambda: OpenVino(file, size, threads)
    from edgeseg.runtimes.onnxruntime_backend import OnnxRuntime  # noqa: PLC0415

    return lambda: OnnxRuntime(file, size, threads, provider or "cpu")


def _is_there(name: str) -> bool:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # forbidden in `sys.modules`, as a test does
        return False
    return spec is not None and spec.origin is not None  # a mere folder of that name has no origin
