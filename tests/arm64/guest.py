"""What runs on the board, with nothing but the installed wheel: no pytest, no torch. Each verb prints one JSON object.

guest.py look MODEL... PHOTOGRAPH FOLDER    probability, machine, features, data types of the convolutions
guest.py count RUNS MODEL... PHOTOGRAPH     marks for insn_count.c before and after RUNS inferences of each model
guest.py dice DATA PHOTOGRAPHS MODEL...     mean Dice of each model on the first photographs of a data set's test split
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
from edgeseg.evaluation.metrics import count_pixels as compare
from edgeseg.imaging.photo import read_photo
from edgeseg.preprocessing.prepare import prepare

FIRST_MARK = 0x7FFFF000  # as in insn_count.c


def look(models: list[Path], photograph: Path, folder: Path) -> dict[str, object]:
    """Segment with each model; the probabilities go to FOLDER/STEM.npy."""
    types: dict[str, dict[str, int]] = {}
    for model in models:
        found = Segmenter(model, threads=1).segment(photograph)
        np.save(folder / f"{model.name}.npy", found.probability)
        types[model.name] = convolutions(model)
    chosen = Segmenter(models[0].with_name(models[0].name.split(".")[0]), threads=1)
    return {
        "machine": platform.machine(),
        "features": sorted(cpu.cpu_features()),
        "convolutions": types,
        "auto": [chosen.card.precision, chosen.file.reason],
    }


def convolutions(model: Path) -> dict[str, int]:
    """Data type of the first input -> convolutions that computed in it, as ONNX Runtime's profile tells after a run."""
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.intra_op_num_threads = 1
    options.profile_file_prefix = str(Path(tempfile.mkdtemp()) / "profile")
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    (photo,) = session.get_inputs()
    session.run(None, {photo.name: np.zeros(photo.shape, np.uint8)})
    events = json.loads(Path(session.end_profiling()).read_text())
    ran = [event["args"] for event in events if event.get("name", "").endswith("_kernel_time")]
    return Counter(
        next(iter(args["input_type_shape"][0])) for args in ran if "Conv" in args["op_name"]
    )


def count_pixels(runs: int, models: list[Path], photograph: Path) -> dict[str, object]:
    """Mark 2i before and 2i + 1 after the inferences of model i; its first one, which prepares things, comes before."""
    photo = read_photo(photograph)
    for number, model in enumerate(models):
        segmenter = Segmenter(model, threads=1)
        how = segmenter.card.preprocessing
        tensor = prepare(photo, how, photograph.name).tensor
        segmenter.runtime.infer(tensor)
        mark(2 * number)
        for _ in range(runs):
            segmenter.runtime.infer(tensor)
        mark(2 * number + 1)
    return {"runs": runs, "models": [model.name for model in models]}


def mark(number: int) -> None:
    """Tell insn_count.c; the call itself fails, as there is no such process."""
    ctypes.CDLL(None).getpgid(FIRST_MARK + number)


def dice(data: str, photographs: int, models: list[Path]) -> dict[str, object]:
    """Mean Dice at the photographs' own size, inside the published field of view."""
    pairs = [pair.load() for pair in open_data(data, "test").pairs[:photographs]]
    scores = {}
    for model in models:
        segmenter = Segmenter(model, threads=1)
        masks = [segmenter.segment(pair.photo).mask for pair in pairs]
        dices = [
            compare(mask, pair.truth, pair.fov).dice
            for mask, pair in zip(masks, pairs, strict=True)
        ]
        scores[model.name] = float(np.mean(dices))
    return {"dice": scores}


def main(verb: str, *words: str) -> None:
    """As the module's text says."""
    if verb == "look":
        *models, photograph, folder = map(Path, words)
        said = look(models, photograph, folder)
    elif verb == "count":
        *models, photograph = map(Path, words[1:])
        said = count_pixels(int(words[0]), models, photograph)
    else:
        said = dice(words[0], int(words[1]), list(map(Path, words[2:])))
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
