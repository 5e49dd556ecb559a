"""Tests of the search for layers that remain in FP32, with injected costs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import onnx
import pytest
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData

from edgeseg_export.precision import float_layers
from edgeseg_export.precision.float_layers import FloatLayers, select_float_layers
from edgeseg_export.precision.quantization import QuantizationCost, QuantizationTrial

LAYERS = ("first", "second", "third")
MeasureCost = Callable[[frozenset[str]], QuantizationCost]


class InjectedTrial(QuantizationTrial):
    """Trial whose cost is a given function of the layers in FP32. It records measured layers."""

    def __init__(self, graph: Path, measure: MeasureCost) -> None:
        super().__init__(graph, 8, 0.5, (), ())
        object.__setattr__(self, "measure", measure)
        object.__setattr__(self, "measured", [])

    measure: MeasureCost
    measured: list[frozenset[str]]

    def measure_cost(self, model: onnx.ModelProto) -> QuantizationCost:
        layers = frozenset(model.doc_string.split())
        self.measured.append(layers)
        return self.measure(layers)


@pytest.fixture(autouse=True)
def injected_quantizer(monkeypatch: pytest.MonkeyPatch) -> None:
    def quantize(graph: Path, ranges: TensorsData, layers: Collection[str]) -> onnx.ModelProto:
        return onnx.ModelProto(doc_string=" ".join(layers))

    monkeypatch.setattr(float_layers, "quantize", quantize)
    monkeypatch.setattr(float_layers, "MAX_FLOAT_WEIGHTS", 4)  # every layer is small


def search(folder: Path, measure: MeasureCost) -> tuple[FloatLayers, InjectedTrial, list[str]]:
    nodes = [onnx.helper.make_node("Conv", ["x", f"{n}.w"], [n], name=n) for n in LAYERS]
    graph = onnx.helper.make_graph(nodes, "g", [], [])
    for name in LAYERS:
        graph.initializer.add(name=f"{name}.w", dims=[2, 2], data_type=1)
    file = folder / "net.named.onnx"
    onnx.save(onnx.helper.make_model(graph), file)
    trial = InjectedTrial(file, measure)
    stages: list[str] = []
    found = select_float_layers(
        trial,
        TensorsData(CalibrationMethod.MinMax, {}),
        measure(frozenset()),
        lambda stage, done, total: stages.append(stage),
    )
    return found, trial, stages


def cost(dissimilarity: float) -> QuantizationCost:
    return QuantizationCost(dissimilarity, dissimilarity / 10, dissimilarity / 5)


def test_search_is_skipped_when_cost_is_accepted(tmp_path: Path) -> None:
    found, trial, stages = search(tmp_path, lambda layers: cost(0.001))
    assert found == FloatLayers((), cost(0.001))
    assert trial.measured == []
    assert stages == []


def test_search_adds_best_layers_until_cost_is_accepted(tmp_path: Path) -> None:
    gains = {"first": 0.01, "second": 0.03, "third": 0.02}

    def measure(layers: frozenset[str]) -> QuantizationCost:
        return cost(0.059 - sum(gains[layer] for layer in layers))

    found, _, stages = search(tmp_path, measure)
    assert found.names == ("second", "third")
    assert found.cost.is_accepted
    assert found.note == ""
    assert stages


def test_search_ends_when_no_layer_helps(tmp_path: Path) -> None:
    found, trial, _ = search(tmp_path, lambda layers: cost(0.04))
    assert found.names == ()
    assert len(trial.measured) == len(LAYERS)


def test_search_does_not_start_when_limits_are_exceeded_with_all_layers_in_fp32(
    tmp_path: Path,
) -> None:
    found, trial, _ = search(tmp_path, lambda layers: cost(0.5 - 0.01 * len(layers)))
    assert found.names == ()
    assert trial.measured == [frozenset(LAYERS)]
    assert "0.0470" in found.note  # Dice drop with all layers in FP32


def test_search_ignores_round_that_time_limit_interrupts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, 1.0, 2.0, 3.0, 4.0, 1000.0])
    monkeypatch.setattr("time.monotonic", times.__next__)
    found, trial, _ = search(tmp_path, lambda layers: cost(0.045 - 0.001 * len(layers)))
    assert found.names == ("first",)
    assert found.note
    assert len(trial.measured) == len(LAYERS) + 1
