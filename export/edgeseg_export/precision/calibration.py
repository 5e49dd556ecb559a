"""Calibration: compute the value ranges of a network's tensors.

INT8 divides a range into 256 steps.
"""

import io
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import TensorData, TensorsData, create_calibrator

from edgeseg.datasets import DataSet, Pair, Split, open_data
from edgeseg.imaging.arrays import Mask
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import prepare, resize_mask_to_input
from edgeseg_export.precision.qdq_cleanup import find_input_maximum

Method: TypeAlias = Literal["min-max", "entropy", "percentile"]
NetworkInput: TypeAlias = npt.NDArray[np.uint8]  # (1, size, size, 3) RGB

METHODS: dict[Method, tuple[CalibrationMethod, dict[str, object]]] = {
    "min-max": (CalibrationMethod.MinMax, {}),
    "entropy": (CalibrationMethod.Entropy, {}),
    "percentile": (CalibrationMethod.Percentile, {"symmetric": False, "percentile": 99.999}),
}

# Operators to quantize. Operators that only move values are included, so that values remain INT8
# between convolutions.
QUANTIZED_OPERATORS = (
    *("Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Relu", "Clip", "LeakyRelu"),
    *("MaxPool", "AveragePool", "Concat", "Resize", "Reshape", "Transpose"),
    *("DepthToSpace", "SpaceToDepth"),
)

# Default of `--calibrate`.
DEFAULT_DATA = "synthetic:6"


@dataclass(frozen=True, eq=False)
class CalibrationPhoto:
    """Photograph at the working size.

    Attributes:
        tensor: (1, size, size, 3) uint8 RGB, network input.
        inside: (size, size) uint8 {0, 255}, field of view.
        truth: (size, size) uint8 {0, 255}, manual vessel mask.
    """

    tensor: NetworkInput
    inside: Mask
    truth: Mask


def load_photos(
    specs: Sequence[str], split: Split, limit: int, config: PreprocessingConfig
) -> list[CalibrationPhoto]:
    """Load and prepare photographs, the same number from each data set.

    Args:
        specs: data sets as `NAME:DIR`; empty for synthetic photographs.
        split: split of the data sets.
        limit: maximum number of photographs.
        config: preprocessing at the working size.

    Raises:
        SystemSetupError: A data set does not have this split.
        PhotoError: A photograph cannot be read.
    """
    photos = []
    for pair in select_evenly([open_data(spec, split) for spec in specs or [DEFAULT_DATA]], limit):
        loaded = pair.load()
        prepared = prepare(loaded.photo, config, pair.name)
        truth = resize_mask_to_input(loaded.truth, prepared.placement)
        photos.append(CalibrationPhoto(prepared.tensor, prepared.inside, truth))
    return photos


def select_evenly(data_sets: Sequence[DataSet], limit: int) -> list[Pair]:
    """Select evenly spaced pairs. Adjacent photographs often show the same patient."""
    share = max(1, limit // len(data_sets))
    pairs: list[Pair] = []
    for data_set in data_sets:
        count = len(data_set.pairs)
        pairs += [data_set.pairs[int(k)] for k in np.linspace(0, count - 1, min(share, count))]
    return pairs


def compute_ranges(graph: Path, tensors: Sequence[NetworkInput], method: Method) -> TensorsData:
    """Compute the range of each tensor of a graph with one calibration method.

    Photographs are passed one by one, because a calibrator of ONNX Runtime keeps the intermediate
    results of all photographs of a call in memory.
    """
    calibrate_method, extra_options = METHODS[method]
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as scratch, redirect_stdout(io.StringIO()):
        calibrator = create_calibrator(
            graph,
            QUANTIZED_OPERATORS,
            augmented_model_path=str(Path(scratch) / "augmented.onnx"),
            calibrate_method=calibrate_method,
            extra_options=extra_options,
        )
        for tensor in tensors:
            calibrator.collect_data(_SinglePhotoReader(tensor))
        ranges: TensorsData = calibrator.compute_data()
    for name, highest in find_input_maximum(onnx.load(graph)).items():
        ranges[name] = TensorData(lowest=np.float32(0), highest=np.float32(highest))
    return ranges


class _SinglePhotoReader(CalibrationDataReader):  # type: ignore[misc]  # published without types
    """Calibration data with a single photograph."""

    def __init__(self, photo: NetworkInput) -> None:
        self._waiting = [{"photo": photo}]

    def get_next(self) -> dict[str, NetworkInput] | None:
        return self._waiting.pop() if self._waiting else None
