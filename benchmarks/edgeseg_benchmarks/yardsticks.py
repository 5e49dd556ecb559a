"""Two of a run's costs against a yardstick each, in turns on the same threads: starting, and what is not the network.

`python -m edgeseg_benchmarks.yardsticks start PHOTOGRAPH` (of any size, as DRIVE's), and
`python -m edgeseg_benchmarks.yardsticks frame PHOTOGRAPH [THREADS]` (of 2048x2048, as FIVES').
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from edgeseg_benchmarks.cores import pin

ROUNDS, WARM_UP = 21, 2

Step = Callable[[], object]


def start(photograph: Path) -> dict[str, float]:
    """Medians in ms of `edgeseg run` and of the bare imports, whole processes; and of the rounds' ratios."""
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        commands = {
            "import numpy, cv2, onnxruntime": ["-c", "import numpy, cv2, onnxruntime"],
            "edgeseg run": ["-m", "edgeseg", "run", str(photograph), "-o", folder],
        }
        return _in_turns({name: _process(arguments) for name, arguments in commands.items()})


def _process(arguments: list[str]) -> Step:
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def frame(photograph: Path, threads: int) -> dict[str, float]:
    """Medians in ms of all that is not the network, of the shipped model, and of one area resize of the crop."""
    pin(threads)
    import cv2  # noqa: PLC0415

    from edgeseg.field_of_view import field_of_view  # noqa: PLC0415
    from edgeseg.photo import read  # noqa: PLC0415
    from edgeseg.postprocess import to_mask  # noqa: PLC0415
    from edgeseg.preprocess import preprocess  # noqa: PLC0415
    from edgeseg.segmenter import Segmenter  # noqa: PLC0415

    cv2.setNumThreads(threads)
    photo, segmenter = read(photograph), Segmenter(threads=threads)
    how, found = segmenter.card.preprocessing, segmenter.segment(photo)
    box, target = found.fov.box, found.placement.target

    def resize() -> object:
        part = photo[box.rows, box.columns]
        return cv2.resize(part, (target.width, target.height), interpolation=cv2.INTER_AREA)

    def rest() -> object:
        fov = field_of_view(photo, how.fov)
        return to_mask(found.working, preprocess(photo, fov, how).placement, fov.mask, segmenter.threshold)

    return _in_turns({"INTER_AREA of the crop": resize, "what is not the network": rest})


def _in_turns(steps: Mapping[str, Step]) -> dict[str, float]:
    """A B A B: each step's median in ms, and the median of the rounds' ratios of the last to the first."""
    took: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(WARM_UP + ROUNDS):
        for name, step in steps.items():
            before = time.perf_counter()
            step()
            took[name].append((time.perf_counter() - before) * 1e3)
    rounds = {name: each[WARM_UP:] for name, each in took.items()}
    first, *_, last = rounds.values()
    ratio = median(b / a for a, b in zip(first, last, strict=True))
    return {**{name: median(each) for name, each in rounds.items()}, "ratio": ratio}


def main(arguments: list[str]) -> None:
    """What the command line names."""
    kind, photograph, *threads = arguments
    told = start(Path(photograph)) if kind == "start" else frame(Path(photograph), int(*threads or ["1"]))
    for name, value in told.items():
        sys.stdout.write(f"{value:9.2f}  {name}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
