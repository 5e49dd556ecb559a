"""Model files appear together or not at all, whatever stops a conversion."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeseg.errors import SystemSetupError
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg_export import publish
from edgeseg_train.checkpoint import Checkpoint, WorkingSize, save_checkpoint
from edgeseg_train.network.resunet import architecture_by_name, build_network


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_conversion_that_is_stopped_leaves_what_was_there(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    tiny, size = architecture_by_name("tiny"), WorkingSize("default", 64)
    save_checkpoint(
        Checkpoint(
            tiny, build_network(tiny).state_dict(), preprocessing_preset("edge", 64), (size,), ()
        ),
        tmp_path / "net.pt",
    )
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    out.mkdir()
    scratch.mkdir()
    (out / "net.fp32.onnx").write_text("an earlier one")
    command = [
        sys.executable,
        "-m",
        "edgeseg",
        "convert",
        str(tmp_path / "net.pt"),
        "-o",
        str(out),
        "--no-simplify",
    ]
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # in the background it is ignored, which children inherit
    process = subprocess.Popen(
        command, env=os.environ | {"TMPDIR": str(scratch)}, stdout=subprocess.DEVNULL
    )
    while not list(scratch.glob("edgeseg-*/*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait(60) == code
    assert [(file.name, file.read_text()) for file in out.iterdir()] == [
        ("net.fp32.onnx", "an earlier one")
    ]
    assert number == signal.SIGKILL or not list(scratch.iterdir())


def test_files_are_published_together_or_not_at_all(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "b.onnx").mkdir()
    made = tmp_path_factory.mktemp("scratch") / "made"
    made.write_bytes(b"model")
    with pytest.raises(SystemSetupError):
        publish.publish_files({tmp_path / "a.onnx": made, tmp_path / "none" / "b.onnx": made})
    assert [path.name for path in tmp_path.iterdir()] == ["b.onnx"]
    (tmp_path / "old.onnx").touch()
    publish.publish_files(
        {tmp_path / "a.onnx": made, tmp_path / "c.onnx": made}, [tmp_path / "old.onnx"]
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "b.onnx", "c.onnx"]
