"""Stop requests by signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeseg.imaging.encoder import encode_png
from edgeseg.synthetic import generate_photo
from edgeseg.system.signals import StopRequest, stop_by_signals


def test_stop_request_stores_first_signal() -> None:
    stop = StopRequest()
    assert not stop.asked
    stop.ask(signal.SIGINT)
    stop.ask(signal.SIGTERM)
    assert stop.asked
    assert stop.signal == signal.SIGINT


def test_stop_by_signals_second_ctrl_c_interrupts_and_handlers_are_restored() -> None:
    previous = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stop_by_signals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        stop.pause(60)
        assert stop.signal == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)
        stop.pause(60)
    assert signal.getsignal(signal.SIGINT) is previous


def test_stop_by_signals_second_sigterm_exits() -> None:
    with pytest.raises(SystemExit) as caught, stop_by_signals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        stop.pause(60)
        os.kill(os.getpid(), signal.SIGTERM)
        stop.pause(60)
    assert caught.value.code == 128 + signal.SIGTERM


@pytest.mark.slow
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_second_signal_ends_run_of_endless_model(
    first: signal.Signals, second: signal.Signals, tiny_model: Path, tmp_path: Path
) -> None:
    model = tmp_path / "endless.onnx"
    model.write_bytes(make_endless_model(tiny_model))
    photograph = tmp_path / "eye.png"
    photograph.write_bytes(encode_png(generate_photo(1, 200).photo))
    options = ["--model", str(model), "--runtime", "onnxruntime", "-o", str(tmp_path / "out")]
    # A background job and its children ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "edgeseg", "run", *options, str(photograph)]
    with subprocess.Popen(command) as process:
        while not (tmp_path / "out").exists():  # created after the model is loaded
            time.sleep(0.05)
        time.sleep(1)
        process.send_signal(first)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.send_signal(second)
        assert process.wait(20) in (128 + first, 128 + second)


def make_endless_model(tiny_model: Path) -> bytes:
    onnx = pytest.importorskip("onnx")
    from edgeseg.models.card import read_card
    from edgeseg_export.publish import add_card

    helper = onnx.helper
    condition = helper.make_tensor_value_info("condition", onnx.TensorProto.BOOL, [])
    value = helper.make_tensor_value_info("value", onnx.TensorProto.FLOAT, [])
    next_condition = helper.make_tensor_value_info("next_condition", onnx.TensorProto.BOOL, [])
    next_value = helper.make_tensor_value_info("next_value", onnx.TensorProto.FLOAT, [])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["condition"], ["next_condition"]),
            helper.make_node("Identity", ["value"], ["next_value"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("number", onnx.TensorProto.INT64, []),
            condition,
            value,
        ],
        [next_condition, next_value],
    )
    nodes = [
        helper.make_node("Cast", ["photo"], ["pixels"], to=onnx.TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["grey"], axes=[3], keepdims=0),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], keepdims=0),
        helper.make_node("Loop", ["", "", "mean"], ["factor"], body=body),
        helper.make_node("Mul", ["grey", "factor"], ["probability"]),
    ]
    photo = helper.make_tensor_value_info("photo", onnx.TensorProto.UINT8, [1, 128, 128, 3])
    output = helper.make_tensor_value_info("probability", onnx.TensorProto.FLOAT, [1, 128, 128])
    graph = helper.make_graph(nodes, "endless", [photo], [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return add_card(model, read_card(tiny_model))
