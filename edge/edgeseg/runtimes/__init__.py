"""What computes a network: one small protocol, a file for each runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseg.arrays import Probability
from edgeseg.errors import SurroundingsError

RuntimeChoice: TypeAlias = Literal["auto", "onnxruntime"]


class Runtime(Protocol):
    """A loaded network."""

    @property
    def name(self) -> str:
        """As in reports (`onnxruntime`)."""
        ...

    def infer(self, photo: npt.NDArray[np.uint8]) -> Probability:
        """(1, size, size, 3) uint8 RGB -> (size, size) float32, 0 to 1."""
        ...


def load(file: Path, size: int, runtime: RuntimeChoice, threads: int) -> Runtime:
    """Load a model file whose card says `size`.

    Raises:
        ModelError: the file is damaged or is not what its card says.
        SurroundingsError: the runtime is not installed.
    """
    if runtime not in ("auto", "onnxruntime"):
        raise SurroundingsError(f"--runtime {runtime}: not available; there is onnxruntime")
    from edgeseg.runtimes.onnx_runtime import OnnxRuntime  # noqa: PLC0415

    return OnnxRuntime(file, size, threads)
