"""Libraries of CUDA and cuDNN that pip installed with ONNX Runtime."""

import sys
from contextlib import redirect_stdout


def preload_gpu_libraries() -> None:
    """Load the libraries of `onnxruntime-gpu[cuda,cudnn]`. ONNX Runtime does not search for them.

    ONNX Runtime before 1.21 and builds for the CPU load nothing. Problems are printed to standard
    error. Afterwards, the creation of the session raises an error with the reason.
    """
    import onnxruntime  # noqa: PLC0415 - takes long to import

    preload = getattr(onnxruntime, "preload_dlls", None)
    if preload is not None:
        with redirect_stdout(sys.stderr):
            preload()
