"""OpenVINO backend for the same `.onnx` files (extra `openvino`)."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgeseg.errors import ModelError, SystemSetupError, one_line
from edgeseg.imaging.arrays import Probability
from edgeseg.runtimes.base import DYNAMIC, TensorSpec, check_output, check_tensors
from edgeseg.system.telemetry import turn_telemetry_off

turn_telemetry_off()
try:
    import openvino
except Exception as error:  # OSError: the libraries cannot be loaded on this system
    raise SystemSetupError(
        f"--runtime openvino: OpenVINO cannot be loaded ({one_line(error)}). Use --runtime "
        "onnxruntime."
    ) from error

_DTYPES = {"u8": "uint8", "f32": "float32"}
_REMEDY = "Convert the model again or use --runtime onnxruntime."


class OpenVino:
    """OpenVINO model, compiled for the CPU."""

    name: Literal["openvino"] = "openvino"

    def __init__(self, file: Path, data: bytes, size: int, threads: int) -> None:
        # OpenVINO selects the precision: BF16 on CPUs with AMX or AVX512-BF16, and FP32 on other
        # x86-64 CPUs. FP16 is not requested, because it is half as fast as FP32 on these CPUs.
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
        }
        try:
            core = openvino.Core()
            model = core.read_model(data, b"")
        except Exception as error:
            raise ModelError(
                f"{file}: OpenVINO cannot load this file ({one_line(error)}). {_REMEDY}"
            ) from error
        check_tensors(file, size, [_tensor_spec(port) for port in (*model.inputs, *model.outputs)])
        try:
            compiled = core.compile_model(model, "CPU", settings)
            self._idle_requests = [compiled.create_infer_request()]
            self.compute = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        except Exception as error:
            raise ModelError(
                f"{file}: OpenVINO cannot compile this file ({one_line(error)}). {_REMEDY}"
            ) from error
        self._file = file
        self._compiled = compiled

    def infer(self, photo: npt.NDArray[np.uint8]) -> Probability:
        """Run the network: (1, size, size, 3) uint8 RGB -> (size, size) float32, 0 to 1.

        Raises:
            ModelError: The network cannot be computed or returns another shape.
        """
        try:
            output = self._infer_with_own_request(photo)
        except Exception as error:
            raise ModelError(
                f"{self._file}: OpenVINO cannot run this file ({one_line(error)}). {_REMEDY}"
            ) from error
        return check_output(self._file, photo, output)

    def _infer_with_own_request(self, photo: npt.NDArray[np.uint8]) -> Probability:
        """Run the network with an inference request that no other thread uses."""
        try:
            request = self._idle_requests.pop()  # atomic
        except IndexError:
            request = self._compiled.create_infer_request()
        request.infer({"photo": photo}, share_inputs=True)
        # The output is copied, because the next inference overwrites the tensor.
        output: Probability = np.array(request.get_output_tensor(0).data, np.float32)
        self._idle_requests.append(request)  # a failed request is not reused
        return output


def _tensor_spec(port: Any) -> TensorSpec:  # noqa: ANN401 - OpenVINO has no type annotations
    shape = []
    for side in port.partial_shape:
        shape.append(side.get_length() if side.is_static else DYNAMIC)
    dtype = port.element_type.get_type_name()
    return TensorSpec(port.any_name, _DTYPES.get(dtype, dtype), tuple(shape))
