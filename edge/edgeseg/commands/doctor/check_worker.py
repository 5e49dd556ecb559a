"""One attempt to compute a model, in a process of its own: what does not fit a device may crash, not only fail.

    python -m edgeseg.commands.doctor.check_worker runtime NAME MODEL.onnx OUTPUT.npy
    python -m edgeseg.commands.doctor.check_worker provider NAME MODEL.onnx OUTPUT.npy
    python -m edgeseg.commands.doctor.check_worker list

The answer is JSON on standard output; a failure is a line on standard error and exit code 7.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from edgeseg.device import cpu
from edgeseg.errors import EdgesegError, SystemSetupError, one_line
from edgeseg.imaging.arrays import Probability
from edgeseg.models.card import read_card
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import prepare
from edgeseg.runtimes.base import RuntimeChoice, load_runtime
from edgeseg.synthetic import generate_photo

SEED, SIDE = 29, 768


def main(arguments: list[str]) -> None:
    """Make the attempt that the command line describes."""
    if arguments == ["list"]:
        answer: dict[str, object] = {"providers": _listed()}
    else:
        kind, name, model, output = arguments
        photo = _photo(read_card(Path(model)).preprocessing)
        answer, probability = (_runtime if kind == "runtime" else _provider)(
            name, Path(model), photo
        )
        np.save(Path(output), probability)
    sys.stdout.write(json.dumps(answer) + "\n")


def _photo(how: PreprocessingConfig) -> npt.NDArray[np.uint8]:
    """(1, size, size, 3) uint8: a drawn fundus, as noise would lie at the threshold everywhere."""
    drawn = generate_photo(SEED, SIDE).photo
    return prepare(drawn, how, "synthetic photograph").tensor


def _runtime(
    name: str, model: Path, photo: npt.NDArray[np.uint8]
) -> tuple[dict[str, object], Probability]:
    runtime = load_runtime(model, photo.shape[1], cast("RuntimeChoice", name), cpu.usable_cores())
    return {"name": runtime.name}, runtime.infer(photo)


def _listed() -> list[str]:
    import onnxruntime

    return [str(provider) for provider in onnxruntime.get_available_providers()]


def _provider(
    name: str, model: Path, photo: npt.NDArray[np.uint8]
) -> tuple[dict[str, object], Probability]:
    """ONNX Runtime falls back to the CPU in silence, so what each node ran on is read from its profile."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = cpu.usable_cores()
    options.enable_profiling = True
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as scratch:
        options.profile_file_prefix = os.path.join(scratch, "profile")  # noqa: PTH118 - the API takes text
        session = onnxruntime.InferenceSession(str(model), options, providers=[name])
        if name not in session.get_providers():
            raise SystemSetupError(
                f"cannot be set up here; ONNX Runtime took {', '.join(session.get_providers())}"
            )
        (probability,) = session.run(["probability"], {"photo": photo})
        ran = nodes_by_provider(
            json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        )
    if not ran[name]:
        raise SystemSetupError("computes no part of the model; all of it ran on the CPU")
    return {"nodes": ran[name], "of": ran.total()}, np.asarray(probability, np.float32)[0]


def nodes_by_provider(profile: object) -> Counter[str]:
    """Nodes of an ONNX Runtime profile by the provider that ran them."""
    events = profile if isinstance(profile, list) else []
    told = (
        event.get("args")
        for event in events
        if isinstance(event, dict) and event.get("cat") == "Node"
    )
    return Counter(
        str(each["provider"]) for each in told if isinstance(each, dict) and each.get("provider")
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except EdgesegError as failure:
        sys.exit(f"{one_line(failure)}")
    except Exception as failure:
        sys.exit(f"{type(failure).__name__}: {one_line(failure)}")
