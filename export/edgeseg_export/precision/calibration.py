"""Which values flow through a network: the ranges that INT8 divides into 256 steps."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import TensorData, TensorsData, create_calibrator

from edgeseg.datasets import DataSet, Pair, open_data
from edgeseg.imaging.arrays import Mask
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import Prepared, resize_mask_to_input
from edgeseg_export.precision.qdq_cleanup import photograph_range
from edgeseg_export.verify.parity import prepare_pair

Method: TypeAlias = Literal["min-max", "entropy", "percentile"]

METHODS: dict[Method, tuple[CalibrationMethod, dict[str, object]]] = {
    "min-max": (CalibrationMethod.MinMax, {}),
    "entropy": (CalibrationMethod.Entropy, {}),
    "percentile": (CalibrationMethod.Percentile, {"symmetric": False, "percentile": 99.999}),
}

QUANTISED = (
    "Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Relu", "Clip", "LeakyRelu", "MaxPool", "AveragePool", "Concat",
    "Resize", "Reshape", "Transpose", "DepthToSpace", "SpaceToDepth",
)  # fmt: skip
"""Operators whose values become 8-bit; with what only moves values among them, nothing leaves INT8 on the way."""

DRAWN = "synthetic:6"
FOR_RANGES, FOR_CHOICES = 12, 8
"""Photographs at most: ranges settle early, and every layer is tried on all of the second kind."""


@dataclass(frozen=True, eq=False)
class CalibrationCheck:
    """A validation photograph as the network sees it, and its vessels (size, size) uint8 {0, 255}."""

    prepared: Prepared
    truth: Mask


@dataclass(frozen=True, eq=False)
class Calibration:
    """Photographs to calibrate on: `fed` for the ranges, `judged` to choose by.

    Attributes:
        fed: of the training split.
        judged: of the validation split.
        where: in words.
    """

    fed: tuple[Prepared, ...]
    judged: tuple[CalibrationCheck, ...]
    where: str


def open_calibration(specs: Sequence[str], how: PreprocessingConfig) -> Calibration:
    """Training and validation photographs of some data sets, drawn ones where none is given.

    Raises:
        SurroundingsError: a data set has no such split.
        PhotographError: a photograph cannot be read.
    """
    fed = _spread([open_data(spec, "train") for spec in specs or (DRAWN,)], FOR_RANGES)
    judged = _spread([open_data(spec, "validation") for spec in specs or (DRAWN,)], FOR_CHOICES)
    return Calibration(
        tuple(prepare_pair(pair, how).prepared for pair in fed),
        tuple(_judged(pair, how) for pair in judged),
        ", ".join(spec.partition(":")[0] for spec in specs) or "drawn photographs",
    )


def _spread(data_sets: Sequence[DataSet], most: int) -> list[Pair]:
    """Equally many of each data set, evenly spread over it: neighbours often are one patient's."""
    share = max(1, most // len(data_sets))
    return [
        data_set.pairs[int(k)]
        for data_set in data_sets
        for k in np.linspace(0, len(data_set.pairs) - 1, min(share, len(data_set.pairs)))
    ]


def _judged(pair: Pair, how: PreprocessingConfig) -> CalibrationCheck:
    seen = prepare_pair(pair, how)
    return CalibrationCheck(
        seen.prepared, resize_mask_to_input(seen.loaded.truth, seen.prepared.placement)
    )


class _Calibrator(Protocol):
    """What is used of ONNX Runtime's calibrators."""

    def collect_data(self, data_reader: CalibrationDataReader) -> None: ...

    def compute_data(self) -> TensorsData: ...


def ranges(graph: Path, photographs: Sequence[Prepared], method: Method) -> TensorsData:
    """Each tensor's range by one method.

    Fed photograph by photograph: given all at once, ONNX Runtime's calibrators keep every intermediate result of all.
    """
    kind, options = METHODS[method]
    make = cast("Callable[..., _Calibrator]", create_calibrator)
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as scratch, redirect_stdout(io.StringIO()):
        augmented = str(Path(scratch) / "augmented.onnx")
        calibrator = make(
            graph,
            QUANTISED,
            augmented_model_path=augmented,
            calibrate_method=kind,
            extra_options=options,
        )
        for photograph in photographs:
            calibrator.collect_data(_One(photograph.tensor))
        found = calibrator.compute_data()
    if known := photograph_range(onnx.load(graph)):
        found[known[0]] = TensorData(lowest=np.float32(0), highest=np.float32(known[1]))
    return found


class _One(CalibrationDataReader):  # type: ignore[misc]  # published without types
    """A single photograph."""

    def __init__(self, photo: npt.NDArray[np.uint8]) -> None:
        self._waiting = [{"photo": photo}]

    def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
        """The photograph, then None."""
        return self._waiting.pop() if self._waiting else None
