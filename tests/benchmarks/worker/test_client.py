from __future__ import annotations

import signal
from pathlib import Path

import pytest

from edgeseg_benchmarks.worker.client import WorkerProcess
from edgeseg_benchmarks.worker.process import RowError

ARGUMENTS = {"runtime": "nonsense", "threads": 1, "photograph": "nowhere.png"}


@pytest.mark.slow
def test_call_of_a_process_that_dies_or_is_slow_fails(tiny_model: Path) -> None:
    arguments = {"file": str(tiny_model), **ARGUMENTS}
    process = WorkerProcess(60)
    with pytest.raises(RowError, match="nonsense"):
        process.call("load", str, **arguments)
    with pytest.raises(RowError, match=r"udcff\.onnx: "):
        process.call("load", str, **{**arguments, "file": "\udcff.onnx"})
    process._child.send_signal(signal.SIGKILL)
    with pytest.raises(RowError, match="SIGKILL"):
        process.call("load", str, **arguments)
    process.close()
    slow = WorkerProcess(0.001)
    with pytest.raises(RowError, match="no reply within"):
        slow.call("load", str, **arguments)
    assert slow._child.poll() is not None
