"""Rounding error of PyTorch itself, measured against the same network in FP64.

Networks with large logits amplify rounding: PyTorch's own FP32 result differs from FP64 by more than
the limit that other networks meet. A file that is about as close to FP64 as PyTorch is correct.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from edgeseg.errors import one_line
from edgeseg.imaging.arrays import Probability
from edgeseg_export.onnx_graph.trace import PhotoToProbability


class RoundingError(NamedTuple):
    """Largest differences of the probability from FP64 on one photograph, 0 to 1.

    Attributes:
        pytorch: difference of PyTorch in FP32.
        file: difference of the model file.
    """

    pytorch: float
    file: float


class DoubleReference:
    """A copy of a network in FP64. It needs several times the memory and time of FP32."""

    def __init__(self, network: PhotoToProbability) -> None:
        self._network = deepcopy(network).double().eval()

    @torch.inference_mode()
    def compute(self, photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Compute the probability: (1, H, W, 3) uint8 RGB -> (H, W) float64.

        Raises:
            ArithmeticError: the network cannot be computed in FP64.
        """
        try:
            with _double_by_default():
                result = self._network(torch.from_numpy(photo))[0]
        except Exception as error:  # a third-party network may raise anything
            raise ArithmeticError(one_line(error)) from error
        if result.dtype != torch.float64:
            raise ArithmeticError("the network converts its values to FP32")
        double: npt.NDArray[np.float64] = result.numpy()
        return double

    def measure(
        self, photo: npt.NDArray[np.uint8], pytorch: Probability, file: Probability
    ) -> RoundingError:
        """Compare two results for a photograph with FP64.

        Raises:
            ArithmeticError: the network cannot be computed in FP64.
        """
        exact = self.compute(photo)
        errors = (float(np.abs(result - exact).max()) for result in (pytorch, file))
        return RoundingError(*errors)


@contextmanager
def _double_by_default() -> Iterator[None]:
    """Make tensors that a network creates while it computes FP64, too."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
