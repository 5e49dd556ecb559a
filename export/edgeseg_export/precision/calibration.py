"""Compute the value ranges of a network's tensors that INT8 divides into 256 steps."""

from __future__ import annotations

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

from edgeseg.datasets import DataSet, Pair, open_data
from edgeseg.imaging.arrays import Mask
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import prepare, resize_mask_to_input
from edgeseg_export.precision.qdq_cleanup import get_input_range

Method: TypeAlias = Literal["min-max", "entropy", "percentile"]
Tensor: TypeAlias = npt.NDArray[np.uint8]  # (1, size, size, 3) RGB, network input

METHODS: dict[Method, tuple[CalibrationMethod, dict[str, object]]] = {
    "min-max": (CalibrationMethod.MinMax, {}),
    "entropy": (CalibrationMethod.Entropy, {}),
    "percentile": (CalibrationMethod.Percentile, {"symmetric": False, "percentile": 99.999}),
}

# Operators whose values become INT8. Operators that only move values are among them, so that no
# value leaves INT8 on its way.
QUANTIZED_OPERATORS = (
    *("Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Relu", "Clip", "LeakyRelu"),
    *("MaxPool", "AveragePool", "Concat", "Resize", "Reshape", "Transpose"),
    *("DepthToSpace", "SpaceToDepth"),
)

# Photographs without `--calibrate`.
DEFAULT_DATA = "synthetic:6"

# Largest numbers of photographs: ranges converge early, and each layer is tried on all
# validation photographs.
MAX_CALIBRATION = 12
MAX_VALIDATION = 8


@dataclass(frozen=True, eq=False)
class ValidationPhoto:
    """A validation photograph at the working size.

    Attributes:
        tensor: (1, size, size, 3) uint8 RGB, network input.
        inside: (size, size) uint8 {0, 255}, field of view.
        truth: (size, size) uint8 {0, 255}, manual vessel mask.
    """

    tensor: Tensor
    inside: Mask
    truth: Mask


@dataclass(frozen=True, eq=False)
class CalibrationSet:
    """Photographs for the quantization of a network.

    Attributes:
        calibration: network inputs of the training split, for the ranges.
        validation: photographs of the validation split, to select method and layers.
        description: names of the data sets.
    """

    calibration: tuple[Tensor, ...]
    validation: tuple[ValidationPhoto, ...]
    description: str


def open_calibration(specs: Sequence[str], config: PreprocessingConfig) -> CalibrationSet:
    """Load and prepare training and validation photographs.

    Args:
        specs: data sets as `NAME:DIR`; synthetic photographs if empty.
        config: preprocessing at the working size.

    Raises:
        SystemSetupError: a data set does not have these splits.
        PhotoError: a photograph cannot be read.
    """
    names = [spec.partition(":")[0] for spec in specs]
    specs = specs or [DEFAULT_DATA]
    training = select_evenly([open_data(spec, "train") for spec in specs], MAX_CALIBRATION)
    validation = select_evenly([open_data(spec, "validation") for spec in specs], MAX_VALIDATION)
    tensors = tuple(_prepare(pair, config).tensor for pair in training)
    photos = tuple(_prepare(pair, config) for pair in validation)
    return CalibrationSet(tensors, photos, ", ".join(names) or "synthetic photographs")


def select_evenly(data_sets: Sequence[DataSet], limit: int) -> list[Pair]:
    """Select equally many pairs per data set, evenly spaced: neighbors often are one patient's."""
    share = max(1, limit // len(data_sets))
    pairs: list[Pair] = []
    for data_set in data_sets:
        last = len(data_set.pairs) - 1
        pairs += [data_set.pairs[int(k)] for k in np.linspace(0, last, min(share, last + 1))]
    return pairs


def _prepare(pair: Pair, config: PreprocessingConfig) -> ValidationPhoto:
    loaded = pair.load()
    prepared = prepare(loaded.photo, config, pair.name)
    truth = resize_mask_to_input(loaded.truth, prepared.placement)
    return ValidationPhoto(prepared.tensor, prepared.inside, truth)


def compute_ranges(graph: Path, tensors: Sequence[Tensor], method: Method) -> TensorsData:
    """Compute the range of each tensor of a graph by one method.

    Photographs are passed one by one: ONNX Runtime's calibrators keep every intermediate result of
    all photographs that they get at once.
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
    input_range = get_input_range(onnx.load(graph))
    if input_range is not None:
        name, highest = input_range
        ranges[name] = TensorData(lowest=np.float32(0), highest=np.float32(highest))
    return ranges


class _SinglePhotoReader(CalibrationDataReader):  # type: ignore[misc]  # published without types
    """Calibration data of a single photograph."""

    def __init__(self, photo: Tensor) -> None:
        self._waiting = [{"photo": photo}]

    def get_next(self) -> dict[str, Tensor] | None:
        """Return the photograph at the first call, then None."""
        return self._waiting.pop() if self._waiting else None
