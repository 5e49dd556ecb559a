"""ncnn backend in FP32. pnnx converts the model at each start."""

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
from edgeseg.models.card import read_card

INSTALL = "Run: pip install --no-deps ncnn pnnx"
HALF_PRECISION_OPTIONS = (
    "use_fp16_packed",
    "use_fp16_storage",
    "use_fp16_arithmetic",
    "use_bf16_storage",
)


class Ncnn:
    """A loaded network.

    ncnn cannot convert bytes to float. Therefore, `infer` converts the photograph, and the latency
    includes this time.

    Args:
        file: model file.
        threads: number of CPU threads.

    Raises:
        SystemSetupError: ncnn or pnnx is not installed.
        ModelError: The file cannot be converted or loaded.
    """

    name = "ncnn"
    compute = "float32"

    def __init__(self, file: Path, threads: int) -> None:
        try:
            import ncnn
        except ImportError as error:
            raise SystemSetupError(f"ncnn: not available ({error}). {INSTALL}") from error
        self._ncnn: Any = ncnn
        self._net: Any = ncnn.Net()
        self._net.opt.num_threads = threads
        for option in HALF_PRECISION_OPTIONS:
            setattr(self._net.opt, option, False)
        with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
            param, weights = Path(folder) / "model.ncnn.param", Path(folder) / "model.ncnn.bin"
            convert_with_pnnx(file, Path(folder))
            self._input_name = _remove_cast(param)
            if self._net.load_param(str(param)) or self._net.load_model(str(weights)):
                raise ModelError(f"{file}: ncnn cannot load the output of pnnx")

    def infer(self, photo: npt.NDArray[np.uint8]) -> Probability:
        """Compute the probability.

        Args:
            photo: (1, size, size, 3) uint8 RGB.

        Returns:
            (size, size) float32, 0 to 1.

        Raises:
            ModelError: ncnn cannot compute the network.
        """
        planes = np.ascontiguousarray(photo[0].transpose(2, 0, 1), np.float32)
        extractor = self._net.create_extractor()
        extractor.input(self._input_name, self._ncnn.Mat(planes))
        code, output = extractor.extract("out0")
        if code:
            raise ModelError(f"ncnn cannot run the network (code {code})")
        return np.array(output, np.float32).reshape(photo.shape[1:3])


def convert_with_pnnx(file: Path, folder: Path) -> None:
    """Convert a model file to `model.ncnn.param` and `model.ncnn.bin` in a folder.

    Raises:
        SystemSetupError: pnnx is not installed.
        ModelError: pnnx cannot convert the file.
    """
    package = find_spec("pnnx")
    if package is None or package.origin is None:
        raise SystemSetupError(f"ncnn: requires pnnx to read model files. {INSTALL}")
    shutil.copyfile(file, folder / "model.onnx")
    size = read_card(file).preprocessing.size
    command = [
        str(Path(package.origin).with_name("pnnx")),
        "model.onnx",
        f"inputshape=[1,{size},{size},3]u8",
        "fp16=0",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=600, check=False)
    if done.returncode or not (folder / "model.ncnn.param").is_file():
        raise ModelError(f"{file}: pnnx cannot convert this file (exit code {done.returncode})")


def _remove_cast(file: Path) -> str:
    """Replace the cast from bytes with a no-op, and return the name of the cast's output.

    ncnn has no cast from bytes.

    Raises:
        ModelError: The graph contains no cast from bytes.
    """
    lines = file.read_text().splitlines()
    for k, line in enumerate(lines):
        if line.startswith("Tensor.to"):
            words = line.split()
            lines[k] = " ".join(["Noop", *words[1:6]])
            file.write_text("\n".join(lines) + "\n")
            return words[5]
    raise ModelError(f"{file.name}: no cast from bytes to float in the output of pnnx")
