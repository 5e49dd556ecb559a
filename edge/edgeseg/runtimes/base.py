"""Protocol and selection of runtimes, and shared checks."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from edgeseg.errors import ModelError, SystemSetupError
from edgeseg.imaging.arrays import Probability

RuntimeName: TypeAlias = Literal["onnxruntime", "openvino"]
RuntimeChoice: TypeAlias = Literal["auto", "onnxruntime", "openvino"]
ProviderChoice: TypeAlias = Literal["cpu", "cuda", "tensorrt"]

INSTALL_HINTS: dict[RuntimeName, str] = {
    "onnxruntime": "pip install onnxruntime",
    "openvino": "pip install '.[openvino]' in the clone",
}
"""Command that installs a runtime."""

DYNAMIC = -1  # placeholder for a dynamic dimension


class Runtime(Protocol):
    """A loaded network."""

    @property
    def name(self) -> str:
        """Name of the runtime in reports."""

    @property
    def compute(self) -> str:
        """Execution provider or data type that the runtime reports."""

    def infer(self, photo: npt.NDArray[np.uint8]) -> Probability:
        """Run the network.

        Args:
            photo: (1, size, size, 3) uint8 RGB.

        Returns:
            (size, size) float32 vessel probability, 0 to 1.

        Raises:
            ModelError: The network cannot be computed or violates the contract of a model file.
        """


class TensorSpec(NamedTuple):
    """Input or output of a network.

    Attributes:
        name: name of the tensor.
        dtype: NumPy's name of the element type, or the runtime's name if NumPy has no such type.
        shape: dimensions of the tensor; `DYNAMIC` for dynamic dimensions.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


def check_tensors(file: Path, size: int, tensors: Sequence[TensorSpec]) -> None:
    """Check a network's inputs and outputs against the contract of a model file.

    Args:
        file: model file, for error messages.
        size: side of the network input in pixels.
        tensors: inputs and outputs of the network.

    Raises:
        ModelError: Names, types or shapes differ.
    """
    expected = [
        TensorSpec("photo", "uint8", (1, size, size, 3)),
        TensorSpec("probability", "float32", (1, size, size)),
    ]
    if len(tensors) != len(expected) or not all(map(_matches, tensors, expected)):
        raise ModelError(
            f"{file}: inputs and outputs are {list(map(tuple, tensors))}, expected "
            f"{list(map(tuple, expected))}. Create the file with `edgeseg convert`."
        )


def _matches(actual: TensorSpec, expected: TensorSpec) -> bool:
    sides = zip(actual.shape, expected.shape, strict=False)
    sides_match = all(side in (required, DYNAMIC) for side, required in sides)
    return actual[:2] == expected[:2] and len(actual.shape) == len(expected.shape) and sides_match


def check_output(file: Path, photo: npt.NDArray[np.uint8], output: object) -> Probability:
    """Return the network's output as one probability map.

    Args:
        file: model file, for error messages.
        photo: (1, size, size, 3) uint8, network input.
        output: output of the runtime, expected shape (1, size, size).

    Returns:
        (size, size) float32.

    Raises:
        ModelError: The output has another shape.
    """
    batch = np.asarray(output, np.float32)
    if batch.shape != photo.shape[:3]:
        raise ModelError(
            f"{file}: output shape is {batch.shape}, expected {photo.shape[:3]}. "
            "Convert the model again."
        )
    probability: Probability = batch[0]
    return probability


def installed_runtimes() -> tuple[RuntimeName, ...]:
    """Return the installed runtimes. `auto` prefers the first one.

    The runtimes are not loaded. `edgeseg doctor` checks whether they work on this device.
    """
    return tuple(name for name in ("openvino", "onnxruntime") if _is_installed(name))


def _is_installed(name: str) -> bool:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # some tests block the import in `sys.modules`
        return False
    return spec is not None and spec.origin is not None  # a folder with this name has no origin


def resolve_runtime(runtime: RuntimeChoice, provider: ProviderChoice | None = None) -> RuntimeName:
    """Return the runtime that an option selects.

    `auto` selects OpenVINO if it is installed, unless an execution provider is given.

    Args:
        runtime: a runtime, or `auto`.
        provider: execution provider of ONNX Runtime; None means the CPU.

    Raises:
        SystemSetupError: The runtime is not installed; the message lists the installed runtimes.
    """
    installed = installed_runtimes()
    available = f"available: {', '.join(installed) or 'none'}"
    if runtime not in get_args(RuntimeChoice):
        raise SystemSetupError(f"--runtime {runtime}: unknown ({available}). Choose another.")
    if provider is not None and runtime == "openvino":
        raise SystemSetupError("--provider applies only to ONNX Runtime; omit --runtime openvino")
    if runtime == "auto":
        runtime = "onnxruntime" if provider is not None or not installed else installed[0]
    if runtime not in installed:
        hint = INSTALL_HINTS[runtime]
        raise SystemSetupError(
            f"runtime {runtime} is not installed ({available}). To install it: {hint}"
        )
    return runtime


def load_runtime(
    file: Path,
    size: int,
    runtime: RuntimeChoice,
    threads: int,
    provider: ProviderChoice | None = None,
    data: bytes | None = None,
) -> Runtime:
    """Load a model file.

    Args:
        file: model file.
        size: side of the network input in pixels, from the model's card.
        runtime: a runtime, or `auto`.
        threads: number of CPU threads.
        provider: execution provider of ONNX Runtime; None means the CPU.
        data: bytes of the file; if None, the file is read.

    Raises:
        ModelError: The file is damaged or does not match its card.
        SystemSetupError: The runtime or the provider is not available.
    """
    name = resolve_runtime(runtime, provider)
    data = file.read_bytes() if data is None else data
    if name == "openvino":
        from edgeseg.runtimes.openvino_backend import OpenVino  # noqa: PLC0415

        return OpenVino(file, data, size, threads)
    from edgeseg.runtimes.onnxruntime_backend import OnnxRuntime  # noqa: PLC0415

    return OnnxRuntime(file, data, size, threads, provider or "cpu")
