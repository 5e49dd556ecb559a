"""onnxsim, in a process of its own: it is native code, and its crash must not take the conversion down."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import onnx

SECONDS = 300


def simplify(model: onnx.ModelProto) -> tuple[onnx.ModelProto, str]:
    """The simplified graph and "", or the graph as it was and the reason why it could not be simplified."""
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(model, before)
        command = [sys.executable, "-m", "onnxsim", str(before), str(after)]
        try:
            # In a folder of its own: `-m` looks for modules in the current one first.
            done = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return model, f"onnxsim took longer than {SECONDS} s"
        if done.returncode or not after.is_file():
            last = (done.stderr.strip().splitlines() or [""])[-1][:200]
            return model, f"onnxsim ended with {done.returncode}: {last}"
        try:
            simpler = onnx.load(after)
            onnx.checker.check_model(simpler, full_check=True)
        except Exception as error:  # protobuf's and onnx's errors share no base class
            return model, f"onnxsim wrote an unreadable file: {' '.join(str(error).split())[:200]}"
        return simpler, ""
