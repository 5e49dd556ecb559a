"""OpenVINO, from the same `.onnx` files (extra `openvino`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgeseg.errors import ModelError, SystemSetupError, one_line
from edgeseg.imaging.arrays import Probability
from edgeseg.system.telemetry import turn_telemetry_off

turn_telemetry_off()
try:
    import openvino
except Exception as error:  # its libraries may not load on this system
    raise SystemSetupError(
        f"--runtime openvino: cannot be loaded ({one_line(error)}); there is onnxruntime"
    ) from error


class OpenVino:
    """A model compiled for the CPU."""

    name: Literal["openvino"] = "openvino"

    def __init__(self, file: Path, size: int, threads: int) -> None:
        # The precision is OpenVINO's own choice: BF16 where the CPU multiplies it in hardware (AMX, AVX512-BF16), and
        # FP32 elsewhere on x86-64. An fp16 file's half precision it would compute at half FP32's speed there.
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
        }
        try:
            core = openvino.Core()
            model = core.read_model(file)
        except Exception as error:
            raise ModelError(f"{file}: OpenVINO cannot load it ({one_line(error)})") from error
        self._check(model, file, size)
        try:
            compiled = core.compile_model(model, "CPU", settings)
            self._request = compiled.create_infer_request()
            self.compute = _told(compiled)
        except Exception as error:
            raise ModelError(f"{file}: OpenVINO cannot compile it ({one_line(error)})") from error
        self._file = file

    def infer(self, photo: npt.NDArray[np.uint8]) -> Probability:
        """(1, size, size, 3) uint8 RGB -> (size, size) float32, 0 to 1.

        Raises:
            ModelError: the network cannot be computed, or gives what its contract does not say.
        """
        try:
            self._request.infer({"photo": photo}, share_inputs=True)
            batch = np.array(
                self._request.get_output_tensor(0).data, np.float32
            )  # a copy: the next frame overwrites
        except Exception as error:
            raise ModelError(
                f"{self._file}: OpenVINO cannot compute it ({one_line(error)})"
            ) from error
        if batch.shape != photo.shape[:3]:
            raise ModelError(
                f"{self._file}: gave {batch.shape} for {photo.shape[:3]} pixels; convert it again"
            )
        square: Probability = batch[0]
        return square

    def _check(self, model: Any, file: Path, size: int) -> None:  # noqa: ANN401 - its classes have no types
        """The graph takes and gives what the contract of a model file says."""
        have = [
            (port.any_name, port.element_type.get_type_name(), *_sides(port))
            for port in (*model.inputs, *model.outputs)
        ]
        want = [("photo", "u8", 1, size, size, 3), ("probability", "f32", 1, size, size)]
        fits = len(have) == len(want) and all(
            len(h) == len(w) and all(a in (b, -1) for a, b in zip(h, w, strict=True))
            for h, w in zip(have, want, strict=True)
        )
        if not fits:
            raise ModelError(
                f"{file}: takes and gives {have}, expected {want}; make it with `edgeseg convert`"
            )


def _sides(port: Any) -> list[int]:  # noqa: ANN401
    return [side.get_length() if side.is_static else -1 for side in port.partial_shape]


def _told(compiled: Any) -> str:  # noqa: ANN401
    return str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
