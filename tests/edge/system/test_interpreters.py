"""Segmenter in a subinterpreter: it raises an error, because the runtimes would hang."""

import subprocess
import sys

from edgeseg.system.interpreters import in_subinterpreter

PROGRAM = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
interpreters.run_string(interpreters.create(), '''
from edgeseg.system.interpreters import in_subinterpreter
print(in_subinterpreter())
try:
    from edgeseg import Segmenter
    Segmenter()
except Exception as error:  # newer releases of NumPy raise ImportError
    print(type(error).__name__)
''')
"""


def test_segmenter_in_subinterpreter_raises_an_error() -> None:
    assert not in_subinterpreter()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True
    )
    lines = done.stdout.split()
    assert lines[0] == "True"
    assert lines[1] in ("SystemSetupError", "ImportError")
