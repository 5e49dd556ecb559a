"""ncnn, in FP32: `pip install --no-deps ncnn pnnx`. pnnx turns the model file into ncnn's own form each time."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseg.errors import ModelError, SystemSetupError
from edgeseg.imaging.arrays import Probability

CONVERSION_TIMEOUT_S = 600


class Ncnn:
    """A loaded network; the photograph's bytes become planes outside of it, within the time that is told."""

    name = "ncnn"
    compute = "float32"

    def __init__(self, file: Path, size: int, threads: int) -> None:
        try:
            import ncnn
        except ImportError as error:
            raise SystemSetupError(
                f"ncnn is not available ({error}); pip install --no-deps ncnn pnnx"
            ) from error
        self._ncnn: Any = ncnn
        self._net: Any = ncnn.Net()
        self._net.opt.num_threads = threads
        for option in (
            "use_fp16_packed",
            "use_fp16_storage",
            "use_fp16_arithmetic",
            "use_bf16_storage",
        ):
            setattr(self._net.opt, option, False)
        with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
            convert(file, size, Path(folder))
            self._entry = _without_bytes(Path(folder) / "model.ncnn.param")
            loaded = self._net.load_param(str(Path(folder) / "model.ncnn.param"))
            if loaded or self._net.load_model(str(Path(folder) / "model.ncnn.bin")):
                raise ModelError(f"{file}: ncnn cannot load what pnnx made of it")

    def infer(self, photo: npt.NDArray[np.uint8]) -> Probability:
        """(1, size, size, 3) uint8 RGB -> (size, size) float32, 0 to 1.

        Raises:
            ModelError: ncnn cannot compute it.
        """
        planes = np.ascontiguousarray(photo[0].transpose(2, 0, 1), np.float32)
        extractor = self._net.create_extractor()
        extractor.input(self._entry, self._ncnn.Mat(planes))
        failed, found = extractor.extract("out0")
        if failed:
            raise ModelError(f"ncnn cannot compute the network (code {failed})")
        square: Probability = np.array(found, np.float32).reshape(photo.shape[1:3])
        return square


def convert(file: Path, size: int, folder: Path) -> None:
    """Model file -> `model.ncnn.param` and `model.ncnn.bin` in a folder.

    Raises:
        SurroundingsError: pnnx is not installed.
        ModelError: it cannot convert the file.
    """
    place = find_spec("pnnx")
    if place is None or place.origin is None:
        raise SystemSetupError(
            "ncnn needs pnnx to read model files; pip install --no-deps ncnn pnnx"
        )
    shutil.copyfile(file, folder / "model.onnx")
    command = [
        str(Path(place.origin).parent / "pnnx"),
        "model.onnx",
        f"inputshape=[1,{size},{size},3]u8",
        "fp16=0",
    ]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, timeout=CONVERSION_TIMEOUT_S, check=False
    )
    if done.returncode or not (folder / "model.ncnn.param").is_file():
        raise ModelError(f"{file}: pnnx cannot convert it (exit code {done.returncode})")


def _without_bytes(file: Path) -> str:
    """Take the cast from bytes, which ncnn has no layer for, out of the graph; the name of what it gave.

    Raises:
        ModelError: the graph has no such cast.
    """
    lines = file.read_text().splitlines()
    for k, line in enumerate(lines):
        words = line.split()
        if words and words[0] == "Tensor.to":
            lines[k] = " ".join(["Noop", *words[1:6]])
            file.write_text("\n".join(lines) + "\n")
            return words[5]
    raise ModelError(f"{file.name}: pnnx left no cast from bytes to float in it")
