"""Simplify a graph with onnxsim in a subprocess.

onnxsim is native code, and a crash must not end the conversion.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import onnx

from edgeseg.errors import one_line

TIMEOUT_S = 300


def simplify(model: onnx.ModelProto) -> tuple[onnx.ModelProto, str]:
    """Simplify a graph.

    Returns:
        The simplified model and "". If onnxsim failed, the function returns the given model and the
        reason.
    """
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        before = Path(folder) / "before.onnx"
        after = Path(folder) / "after.onnx"
        onnx.save(model, before)
        try:
            # A separate folder is used, because `python -m` imports modules from the current
            # folder.
            process = subprocess.run(
                [sys.executable, "-m", "onnxsim", str(before), str(after)],
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return model, f"onnxsim took longer than {TIMEOUT_S} s"
        if process.returncode or not after.is_file():
            last_line = process.stderr.strip().rpartition("\n")[2][:200]
            return model, f"onnxsim exited with code {process.returncode}: {last_line}"
        try:
            simplified = onnx.load(after)
            onnx.checker.check_model(simplified, full_check=True)
        except Exception as error:  # the exceptions of protobuf and onnx have no common base class
            return model, f"onnxsim wrote an unreadable file: {one_line(error, 200)}"
        return simplified, ""
