"""ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnxruntime

from edgeseg.errors import ModelError, SystemSetupError, one_line
from edgeseg.imaging.arrays import Probability
from edgeseg.runtimes.base import ProviderChoice

PROVIDERS: dict[ProviderChoice, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
_SETTINGS: dict[ProviderChoice, dict[str, str]] = {"tensorrt": {"trt_fp16_enable": "1"}}
"""A Jetson's TensorRT computes in half precision at twice FP32's speed; CUDA takes it from an fp16 file."""


class OnnxRuntime:
    """A session on the CPU, or on a provider that was asked for, with the CPU for what that cannot compute."""

    name: Literal["onnxruntime"] = "onnxruntime"

    def __init__(
        self, file: Path, size: int, threads: int, provider: ProviderChoice = "cpu"
    ) -> None:
        wanted = _offered(provider)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Else its threads spin after each frame, and take the cores from what comes after: 39 ms a frame became 46.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # And by default they spin all the while that a session is made, on the core that decodes the first photograph.
        # Releases before 1.26 do not know the entry, and ignore it.
        options.add_session_config_entry("session.intra_op.spin_duration_us", "2000")
        options.enable_mem_pattern = (
            False  # as fast, but the second frame would take all of its memory again
        )
        options.log_severity_level = (
            4  # warnings no user can mend, and errors come as exceptions: one line each
        )
        providers = [(wanted, _SETTINGS.get(provider, {}))]
        if provider != "cpu":
            providers.append((PROVIDERS["cpu"], {}))
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=providers)
        except Exception as error:  # its exceptions share no base class below Exception
            raise ModelError(f"{file}: ONNX Runtime cannot load it ({one_line(error)})") from error
        self.compute = self._session.get_providers()[0]
        if self.compute != wanted:
            raise SystemSetupError(
                f"--provider {provider}: ONNX Runtime could not set it up here and took {self.compute}"
            )
        self._file = file
        self._check(file, size)

    def infer(self, photo: npt.NDArray[np.uint8]) -> Probability:
        """(1, size, size, 3) uint8 RGB -> (size, size) float32, 0 to 1.

        Raises:
            ModelError: the network cannot be computed, or gives what its contract does not say.
        """
        try:
            (probability,) = self._session.run(["probability"], {"photo": photo})
        except Exception as error:  # as above; also where memory runs out
            raise ModelError(
                f"{self._file}: ONNX Runtime cannot compute it ({one_line(error)})"
            ) from error
        batch = np.asarray(probability, np.float32)
        if batch.shape != photo.shape[:3]:
            raise ModelError(
                f"{self._file}: gave {batch.shape} for {photo.shape[:3]} pixels; convert it again"
            )
        square: Probability = batch[0]
        return square

    def _check(self, file: Path, size: int) -> None:
        """The graph takes and gives what the contract of a model file says."""
        have = [
            (node.name, node.type, *(n if isinstance(n, int) else -1 for n in node.shape))
            for node in (*self._session.get_inputs(), *self._session.get_outputs())
        ]
        want = [
            ("photo", "tensor(uint8)", 1, size, size, 3),
            ("probability", "tensor(float)", 1, size, size),
        ]
        fits = len(have) == len(want) and all(
            len(h) == len(w) and all(a in (b, -1) for a, b in zip(h, w, strict=True))
            for h, w in zip(have, want, strict=True)
        )
        if not fits:
            raise ModelError(
                f"{file}: takes and gives {have}, expected {want}; make it with `edgeseg convert`"
            )


def _offered(provider: ProviderChoice) -> str:
    """Its name in ONNX Runtime.

    Raises:
        SurroundingsError: This build of ONNX Runtime has none such; the message lists what it has.
    """
    built = onnxruntime.get_available_providers()
    if PROVIDERS.get(provider) not in built:
        there = ", ".join(name for name, full in PROVIDERS.items() if full in built)
        raise SystemSetupError(
            f"--provider {provider}: this ONNX Runtime was built without it; there is {there or 'none'}"
        )
    return PROVIDERS[provider]
