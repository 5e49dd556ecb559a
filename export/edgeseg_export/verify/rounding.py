"""Measure the rounding error of PyTorch in FP32, relative to the same network in FP64.

Networks with large logits amplify rounding errors. Even the result of PyTorch in FP32 may differ
from FP64 by more than the limit. A file is correct if its difference from FP64 is similar to the
difference of PyTorch in FP32.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from edgeseg.errors import one_line
from edgeseg.runtimes.base import Runtime
from edgeseg_export.onnx_graph.trace import PhotoToProbability
from edgeseg_export.verify.parity import ReferenceOutputs

# Maximum number of photographs in FP64, which takes several times as long as FP32.
MAX_PHOTOGRAPHS = 4


class RoundingError(NamedTuple):
    """Largest differences from the probability in FP64 (0 to 1).

    Attributes:
        pytorch: difference of PyTorch in FP32.
        file: difference of the model file.
    """

    pytorch: float
    file: float


def measure_rounding(
    runtime: Runtime,
    network: PhotoToProbability,
    reference: ReferenceOutputs,
    photographs: Sequence[int],
) -> list[RoundingError]:
    """Compare a model file and PyTorch in FP32 with PyTorch in FP64.

    Args:
        runtime: loaded model file.
        network: network in FP32.
        reference: outputs of the network in FP32.
        photographs: indices of the photographs.

    Raises:
        ArithmeticError: The network cannot be computed in FP64.
        ModelError: The file cannot be computed.
    """
    double = convert_to_double(network)
    errors = []
    for index in photographs:
        photo = reference.pairs[index].tensor
        exact = compute_in_double(double, photo)
        pytorch = np.abs(np.load(reference.files[index]) - exact).max()
        file = np.abs(runtime.infer(photo) - exact).max()
        errors.append(RoundingError(float(pytorch), float(file)))
    return errors


def convert_to_double(network: PhotoToProbability) -> PhotoToProbability:
    """Return a copy of a network with FP64 weights."""
    return deepcopy(network).double().eval()


@torch.inference_mode()
def compute_in_double(
    network: PhotoToProbability, photo: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float64]:
    """Compute the probability in FP64: (1, H, W, 3) uint8 RGB -> (H, W) float64.

    Raises:
        ArithmeticError: The network cannot be computed in FP64.
    """
    try:
        with _double_by_default():
            result = network(torch.from_numpy(photo))[0]
    except Exception as error:  # a third-party network may raise any exception
        raise ArithmeticError(one_line(error)) from error
    if result.dtype != torch.float64:
        raise ArithmeticError("the network converts its values to FP32")
    probability: npt.NDArray[np.float64] = result.numpy()
    return probability


@contextmanager
def _double_by_default() -> Iterator[None]:
    """Use FP64 for new tensors, including tensors that a network creates during inference."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
