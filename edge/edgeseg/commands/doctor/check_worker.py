"""Separate process that runs a model once, because an unsuitable runtime may crash.

    python -m edgeseg.commands.doctor.check_worker runtime NAME MODEL.onnx OUTPUT.npy
    python -m edgeseg.commands.doctor.check_worker provider NAME MODEL.onnx OUTPUT.npy
    python -m edgeseg.commands.doctor.check_worker list

The result is printed as JSON to standard output. If the check fails, one line is printed to
standard error and the exit code is not 0.
"""

import sys
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import numpy.typing as npt

from edgeseg.commands.doctor.runtime_checks import WorkerAnswer
from edgeseg.device import cpu
from edgeseg.errors import EdgesegError, SystemSetupError, one_line
from edgeseg.imaging.arrays import Probability
from edgeseg.models.loaded_file import load_file
from edgeseg.preprocessing.prepare import prepare
from edgeseg.runtimes.base import RuntimeChoice, load_runtime
from edgeseg.runtimes.onnx_profile import count_nodes_by_provider, run_with_profile
from edgeseg.synthetic import generate_photo

SEED = 29
SIDE = 768


def main(arguments: list[str]) -> None:
    """Run the check specified on the command line."""
    if arguments == ["list"]:
        import onnxruntime

        answer = WorkerAnswer(providers=onnxruntime.get_available_providers())
    else:
        kind, name, model, output = arguments
        check = _check_runtime if kind == "runtime" else _check_provider
        answer, probability = check(name, Path(model), _prepare_photo(Path(model)))
        np.save(Path(output), probability)
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")


def _prepare_photo(model: Path) -> npt.NDArray[np.uint8]:
    """Return a synthetic photograph as network input: (1, size, size, 3) uint8."""
    return prepare(
        generate_photo(SEED, SIDE).photo,
        load_file(model).card.preprocessing,
        "synthetic photograph",
    ).tensor


def _check_runtime(
    name: str, model: Path, photo: npt.NDArray[np.uint8]
) -> tuple[WorkerAnswer, Probability]:
    runtime = load_runtime(model, photo.shape[1], cast("RuntimeChoice", name), cpu.usable_cores())
    return WorkerAnswer(), runtime.infer(photo)


def _check_provider(
    name: str, model: Path, photo: npt.NDArray[np.uint8]
) -> tuple[WorkerAnswer, Probability]:
    """Run the model on a provider.

    The profile is checked, because ONNX Runtime silently falls back to the CPU.
    """
    probability, events = run_with_profile(model, cpu.usable_cores(), photo, name)
    nodes = count_nodes_by_provider(events)
    if not nodes[name]:
        raise SystemSetupError(
            "no node of the model ran on this provider; all nodes ran on the CPU"
        )
    return WorkerAnswer(nodes=nodes[name], total_nodes=nodes.total()), probability


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except EdgesegError as failure:
        sys.exit(one_line(failure))
    except Exception as failure:
        sys.exit(f"{type(failure).__name__}: {one_line(failure)}")
