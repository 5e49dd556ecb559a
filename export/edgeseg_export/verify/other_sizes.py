"""Compare a file with dynamic size with PyTorch, at sizes other than the working size.

If a network reads a size as a Python number (`int(x.shape[2])`), the exporter stores this size as a
constant. The file then declares dynamic dimensions, but supports only the size of the export.
"""

import math
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
import torch

from edgeseg.errors import ModelError, one_line
from edgeseg.evaluation.result import Check
from edgeseg.imaging.arrays import Probability
from edgeseg.models.card import Precision
from edgeseg.runtimes.base import Runtime
from edgeseg_export.onnx_graph.trace import PhotoToProbability
from edgeseg_export.verify.checks import LIMITS, MAX_ROUNDING_RATIO
from edgeseg_export.verify.prepared_pair import PreparedPair
from edgeseg_export.verify.rounding import compute_in_double, convert_to_double

# Number of sizes to compare.
OTHER_SIZES = 2

# Sizes are multiples of this number, or of a smaller number that divides the working size.
LARGEST_STEP = 128


def check_other_sizes(
    precision: Precision,
    runtime: Runtime,
    network: PhotoToProbability,
    pair: PreparedPair,
    threshold: float,
) -> list[Check]:
    """Compare the results for a photograph at two other sizes.

    If possible, one of these sizes is not square. Sizes that the PyTorch network does not support
    are skipped.

    Args:
        precision: precision of the file.
        runtime: file with dynamic size.
        network: PyTorch network.
        pair: photograph at the working size.
        threshold: vessel probability threshold.

    Returns:
        One check per size. If the network supports only the working size, there is one failed
        check.
    """
    checks: list[Check] = []
    size = pair.tensor.shape[1]
    for height, width in list_other_sizes(size):
        photo = cv2.resize(pair.tensor[0], (width, height), interpolation=cv2.INTER_AREA)[None]
        inside = cv2.resize(pair.inside, (width, height), interpolation=cv2.INTER_NEAREST) != 0
        expected = _compute(network, photo)
        if expected is None:
            continue
        name = f"size {height}x{width}"
        try:
            actual = runtime.infer(photo)
        except ModelError as error:
            checks.append(Check(name, None, None, one_line(error, 300), False))
            return checks
        if precision == "fp32":
            checks.append(_check_difference(name, network, photo, expected, actual))
        else:
            masks = expected >= threshold, actual >= threshold
            checks.append(_check_masks(name, precision, inside, *masks))
        if len(checks) == OTHER_SIZES:
            return checks
    if not checks:
        note = f"the network supports only {size}x{size} in PyTorch. Convert without --dynamic."
        checks.append(Check("other sizes", None, None, note, False))
    return checks


def list_other_sizes(size: int) -> Iterator[tuple[int, int]]:
    """List heights and widths near a working size, most often supported first.

    All are multiples of a power of two, because most networks require this.
    """
    step = math.gcd(size, LARGEST_STEP)
    larger = step * math.ceil(1.25 * size / step)
    smaller = max(step, step * math.floor(0.75 * size / step))
    sizes = [(larger, larger), (smaller, larger), (smaller, smaller), (size // 2, size // 2)]
    sizes.append((2 * size, 2 * size))
    yield from (other for other in dict.fromkeys(sizes) if other != (size, size))


@torch.inference_mode()
def _compute(network: PhotoToProbability, photo: npt.NDArray[np.uint8]) -> Probability | None:
    """Return the probability of PyTorch, or None if the network does not support the size."""
    try:
        probability: Probability = network(torch.from_numpy(photo))[0].numpy()
    except Exception:  # a third-party network may raise any exception
        return None
    return probability


def _check_difference(
    name: str,
    network: PhotoToProbability,
    photo: npt.NDArray[np.uint8],
    expected: Probability,
    actual: Probability,
) -> Check:
    """Compare an FP32 file with PyTorch in FP32, or in FP64 if the limit is exceeded."""
    limit = LIMITS["fp32"].difference
    note = "largest difference from the probability of PyTorch"
    check = Check.at_most(name, float(np.abs(actual - expected).max()), limit, note)
    if check or limit is None:
        return check
    try:
        exact = compute_in_double(convert_to_double(network), photo)
    except ArithmeticError:
        return check
    own = float(np.abs(expected - exact).max())
    error = float(np.abs(actual - exact).max())
    return Check.at_most(name, error, max(limit, MAX_ROUNDING_RATIO * own), f"{note} in FP64")


def _check_masks(
    name: str,
    precision: Precision,
    inside: npt.NDArray[np.bool_],
    expected: npt.NDArray[np.bool_],
    actual: npt.NDArray[np.bool_],
) -> Check:
    changed = int(((expected != actual) & inside).sum())
    share = changed / max(1, int(inside.sum()))
    note = "share of mask pixels in the field of view that differ from PyTorch"
    return Check.at_most(name, share, LIMITS[precision].mask_change, note)
