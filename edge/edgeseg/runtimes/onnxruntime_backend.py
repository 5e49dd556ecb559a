"""ONNX Runtime backend."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnxruntime

from edgeseg.errors import ModelError, SystemSetupError, one_line
from edgeseg.imaging.arrays import Probability
from edgeseg.runtimes.base import DYNAMIC, ProviderChoice, TensorSpec, check_output, check_tensors
from edgeseg.runtimes.gpu_libraries import preload_gpu_libraries

PROVIDERS: dict[ProviderChoice, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
"""Names of the execution providers in ONNX Runtime."""

_PROVIDER_OPTIONS: dict[ProviderChoice, dict[str, str]] = {"tensorrt": {"trt_fp16_enable": "1"}}
"""On a Jetson, TensorRT is twice as fast in FP16 as in FP32. CUDA uses FP16 only for an fp16
file."""

_DTYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}
_REMEDY = "Convert the model again or use another runtime."


class OnnxRuntime:
    """ONNX Runtime session on one execution provider.

    The CPU runs the nodes that the provider does not support.
    """

    name: Literal["onnxruntime"] = "onnxruntime"

    def __init__(
        self, file: Path, data: bytes, size: int, threads: int, provider: ProviderChoice = "cpu"
    ) -> None:
        provider_name = _resolve_provider(provider)
        self._session = _create_session(file, data, threads, provider)
        self.compute = self._session.get_providers()[0]
        if self.compute != provider_name:
            raise SystemSetupError(
                f"--provider {provider}: ONNX Runtime could not initialize this provider and used "
                f"{self.compute} instead. Omit --provider to use the CPU."
            )
        check_tensors(file, size, _tensor_specs(file, self._session))
        self._file = file

    def infer(self, photo: npt.NDArray[np.uint8]) -> Probability:
        """Run the network: (1, size, size, 3) uint8 RGB -> (size, size) float32, 0 to 1.

        Raises:
            ModelError: The network cannot be computed or returns another shape.
        """
        return run_session(self._session, self._file, photo)


def run_session(
    session: onnxruntime.InferenceSession, file: Path, photo: npt.NDArray[np.uint8]
) -> Probability:
    """Run the session of a model file on (1, S, S, 3) uint8 RGB. Return (S, S) float32, 0 to 1.

    Raises:
        ModelError: The network cannot be computed or returns another shape.
    """
    try:
        (output,) = session.run(["probability"], {"photo": photo})
    except Exception as error:  # these errors have no other common base class
        raise ModelError(
            f"{file}: ONNX Runtime cannot run this file ({one_line(error)}). {_REMEDY}"
        ) from error
    return check_output(file, photo, output)


def _create_session(
    file: Path, data: bytes, threads: int, provider: ProviderChoice
) -> onnxruntime.InferenceSession:
    providers = [(PROVIDERS[provider], _PROVIDER_OPTIONS.get(provider, {}))]
    if provider != "cpu":
        preload_gpu_libraries()
        providers.append((PROVIDERS["cpu"], {}))
    options = _session_options(threads)
    try:
        # ONNX Runtime's fallback would print to standard output and use the CPU without an error.
        return onnxruntime.InferenceSession(
            data, options, providers=providers, enable_fallback=False
        )
    except Exception as error:  # ONNX Runtime's exceptions have no other common base class
        if provider != "cpu" and isinstance(error, RuntimeError):
            raise SystemSetupError(
                f"--provider {provider}: ONNX Runtime could not initialize this provider "
                f"({one_line(error)}). Omit --provider to use the CPU."
            ) from error
        raise ModelError(
            f"{file}: ONNX Runtime cannot load this file ({one_line(error)}). {_REMEDY}"
        ) from error


def _session_options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # By default, the threads keep spinning after each inference and slow down the next steps. This
    # increased the time of a frame from 39 to 46 ms.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # This entry limits the spinning during the creation of the session. Releases before 1.26 ignore
    # it.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "2000")
    # The memory pattern does not make inference faster, and it allocates memory a second time for
    # the second frame.
    options.enable_mem_pattern = False
    # Errors are raised as exceptions, and the warnings are not useful for users.
    options.log_severity_level = 4
    return options


def _resolve_provider(provider: ProviderChoice) -> str:
    """Return the provider's name in ONNX Runtime.

    Raises:
        SystemSetupError: This build of ONNX Runtime lacks the provider.
    """
    built = onnxruntime.get_available_providers()
    if PROVIDERS.get(provider) not in built:
        available = [name for name, full_name in PROVIDERS.items() if full_name in built]
        raise SystemSetupError(
            f"--provider {provider}: not part of this ONNX Runtime "
            f"(available: {', '.join(available) or 'none'}). Choose another provider or install a "
            "build of ONNX Runtime with this provider."
        )
    return PROVIDERS[provider]


def _tensor_specs(file: Path, session: onnxruntime.InferenceSession) -> list[TensorSpec]:
    """Describe the inputs and outputs of a session."""
    try:
        nodes = (*session.get_inputs(), *session.get_outputs())
        return [_tensor_spec(node) for node in nodes]
    except ValueError as error:  # the name of a tensor is not valid UTF-8
        raise ModelError(
            f"{file}: ONNX Runtime cannot load this file ({one_line(error)}). {_REMEDY}"
        ) from error


def _tensor_spec(node: Any) -> TensorSpec:  # noqa: ANN401 - ONNX Runtime has no type annotations
    """Describe an input or output of the session. A dimension with a name is dynamic."""
    shape = []
    for side in node.shape:
        shape.append(side if isinstance(side, int) else DYNAMIC)
    return TensorSpec(node.name, _DTYPES.get(node.type, node.type), tuple(shape))
