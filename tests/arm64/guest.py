"""Program that runs on the emulated board with only the wheel installed, without pytest and torch.

Each command prints one JSON object.

guest.py segment MODEL... PHOTOGRAPH FOLDER
    Write each probability to FOLDER and print machine, CPU features, and the data types of the
    convolutions.
guest.py count RUNS MODEL... PHOTOGRAPH
    Set marks for insn_count.c before and after RUNS inferences of each model.
guest.py dice DATA PHOTOGRAPHS MODEL...
    Print each model's mean Dice on the first photographs of a data set's test split.
"""

from __future__ import annotations

import ctypes
import json
import platform
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime

from edgeseg import Segmenter
from edgeseg.datasets import open_data
from edgeseg.device import cpu
from edgeseg.evaluation.metrics import count_pixels
from edgeseg.imaging.photo import read_photo
from edgeseg.preprocessing.prepare import prepare

FIRST_MARK = 0x7FFFF000  # same numbers as in insn_count.c


def segment(models: list[Path], photograph: Path, folder: Path) -> dict[str, object]:
    """Segment with each model and write the probabilities to FOLDER/MODEL.npy."""
    types: dict[str, dict[str, int]] = {}
    for model in models:
        result = Segmenter(model, threads=1).segment(photograph)
        np.save(folder / f"{model.name}.npy", result.probability)
        types[model.name] = convolution_types(model)
    selected = Segmenter(models[0].with_name(models[0].name.split(".")[0]), threads=1)
    return {
        "machine": platform.machine(),
        "features": sorted(cpu.cpu_features()),
        "convolutions": types,
        "auto": [selected.card.precision, selected.file.reason],
    }


def convolution_types(model: Path) -> dict[str, int]:
    """Count the convolutions for each data type of the first input in ONNX Runtime's profile."""
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.intra_op_num_threads = 1
    options.profile_file_prefix = str(Path(tempfile.mkdtemp()) / "profile")
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    (photo,) = session.get_inputs()
    session.run(None, {photo.name: np.zeros(photo.shape, np.uint8)})
    events = json.loads(Path(session.end_profiling()).read_text())
    types: Counter[str] = Counter()
    for event in events:
        if event.get("name", "").endswith("_kernel_time") and "Conv" in event["args"]["op_name"]:
            types.update(list(event["args"]["input_type_shape"][0])[:1])
    return types


def count_instructions(runs: int, models: list[Path], photograph: Path) -> dict[str, object]:
    """Set mark 2i before and 2i + 1 after the inferences of model i.

    The first inference of a model allocates memory. This inference runs before the first mark.
    """
    photo = read_photo(photograph)
    for number, model in enumerate(models):
        segmenter = Segmenter(model, threads=1)
        tensor = prepare(photo, segmenter.card.preprocessing, photograph.name).tensor
        segmenter.runtime.infer(tensor)
        set_mark(2 * number)
        for _ in range(runs):
            segmenter.runtime.infer(tensor)
        set_mark(2 * number + 1)
    return {"runs": runs, "models": [model.name for model in models]}


def set_mark(number: int) -> None:
    """Set a mark for insn_count.c with a system call that fails and has no effect."""
    ctypes.CDLL(None).getpgid(FIRST_MARK + number)


def mean_dice(data: str, photographs: int, models: list[Path]) -> dict[str, object]:
    """Compute the mean Dice at photograph size, inside the published field of view."""
    pairs = [pair.load() for pair in open_data(data, "test").pairs[:photographs]]
    means = {}
    for model in models:
        segmenter = Segmenter(model, threads=1)
        scores = []
        for pair in pairs:
            mask = segmenter.segment(pair.photo).mask
            scores.append(count_pixels(mask, pair.truth, pair.fov).dice)
        means[model.name] = float(np.mean(scores))
    return {"dice": means}


def main(command: str, *arguments: str) -> None:
    """Run one of the commands in the docstring of this module."""
    if command == "segment":
        *models, photograph, folder = map(Path, arguments)
        record = segment(models, photograph, folder)
    elif command == "count":
        *models, photograph = map(Path, arguments[1:])
        record = count_instructions(int(arguments[0]), models, photograph)
    else:
        record = mean_dice(arguments[0], int(arguments[1]), list(map(Path, arguments[2:])))
    sys.stdout.write(json.dumps(record))


if __name__ == "__main__":
    main(*sys.argv[1:])
