"""A row's process: loads one model and answers questions, one JSON object a line, over its standard streams.

Sessions in one process steal from each other (their threads spin), so each row has a process of its own, and only
the one that is asked computes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO, cast

import edgeseg  # noqa: F401  first: it keeps ONNX Runtime from opening a connection
from edgeseg.errors import EdgesegError, one_line
from edgeseg_benchmarks.rows import PEER
from edgeseg_benchmarks.worker.affinity import pin
from edgeseg_benchmarks.worker.client import die_with_parent

Answer = dict[str, object]


class MeasuredRow:
    """A loaded model, and the photograph that it is timed on."""

    def __init__(self, file: str, runtime: str, threads: int, photographs: list[str]) -> None:
        import cv2

        from edgeseg.runtimes.base import Runtime, RuntimeChoice
        from edgeseg.segmenter import Segmenter

        cv2.setNumThreads(threads)
        chosen: RuntimeChoice | Runtime = cast("RuntimeChoice", runtime)
        if runtime == PEER:
            from edgeseg.models.card import read_card
            from edgeseg_benchmarks.worker.ncnn_backend import Ncnn

            chosen = Ncnn(Path(file), read_card(Path(file)).preprocessing.size, threads)
        self.segmenter = Segmenter(file, runtime=chosen, threads=threads)
        self.photographs = [Path(photograph).read_bytes() for photograph in photographs]
        self.tensor = self._tensor()
        self.turns = 0

    def _tensor(self) -> Any:  # noqa: ANN401
        return self.segmenter.prepare(self.photographs[0]).tensor

    def answer(self, what: str, request: Mapping[str, Any]) -> Answer:
        """To a question about this row."""
        if what == "memory":
            return {"bytes": peak_memory()}
        if what == "mask":
            return self.mask(request["output"])
        if what == "network":
            return self.network()
        return self.turn() if what == "turn" else self.evaluate(request["spec"])

    def facts(self) -> Answer:
        """What the model file says, and what the runtime says that it computes in."""
        card = self.segmenter.card
        return {
            "size_px": card.preprocessing.size,
            "gmac": card.gmac,
            "compute": self.segmenter.runtime.compute,
        }

    def turn(self) -> Answer:
        """One untimed frame (the caches held another row's), then the network alone, then end to end."""
        data = self.photographs[self.turns % len(self.photographs)]
        self.segmenter.segment(data)
        start = time.perf_counter()
        self.segmenter.runtime.infer(self.tensor)
        network = time.perf_counter() - start
        self.turns += 1
        start = time.perf_counter()
        found = self.segmenter.segment(data)
        whole = time.perf_counter() - start
        return {"network": network * 1e3, "end_to_end": whole * 1e3, "stages": found.timings}

    def network(self) -> Answer:
        """The network alone, after an untimed run."""
        self.segmenter.runtime.infer(self.tensor)
        start = time.perf_counter()
        self.segmenter.runtime.infer(self.tensor)
        return {"network": (time.perf_counter() - start) * 1e3}

    def mask(self, output: str) -> Answer:
        """Write mask and field of view, (2, H, W) uint8, as the photograph's own size has them."""
        import numpy as np

        found = self.segmenter.segment(self.photographs[0])
        np.save(output, np.stack([found.mask, found.fov.mask]))
        return {"compute": self.segmenter.runtime.compute}

    def evaluate(self, spec: str) -> Answer:
        """Scores of a data set's test split, as `edgeseg evaluate` gives them."""
        from edgeseg.datasets import open_data
        from edgeseg.evaluation.protocols import evaluate

        return evaluate(self.segmenter, open_data(spec, "test"), "native").to_dict()


def matrix_product(side: int) -> Answer:
    """Thousand million operations a second of one FP32 matrix product."""
    import numpy as np

    matrix = np.random.default_rng(0).random((side, side), np.float32)
    matrix @ matrix  # untimed, as a row's first frame
    start = time.perf_counter()
    matrix @ matrix
    return {"gflops": 2 * side**3 / (time.perf_counter() - start) / 1e9}


def peak_memory() -> int | None:
    """Bytes that this process held at most."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        # Not getrusage: its figure starts with what the parent process held when it made this one.
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration, ValueError):
        return None


class Worker:
    """Answers one request after the other."""

    def __init__(self) -> None:
        self.row: MeasuredRow | None = None

    def answer(self, request: Mapping[str, Any]) -> Answer:
        """What was asked for, or `error`."""
        try:
            return self._answer(request)
        except EdgesegError as error:
            return {"error": one_line(error)}
        except MemoryError:
            return {"error": "out of memory"}
        except Exception as error:  # a runtime's own errors share no base class; the table goes on
            return {"error": f"{type(error).__name__}: {one_line(error)}"}

    def _answer(self, request: Mapping[str, Any]) -> Answer:
        what = request["do"]
        if what == "load":
            pin(request["threads"])
            self.row = MeasuredRow(
                request["file"], request["runtime"], request["threads"], request["photographs"]
            )
            return self.row.facts()
        if what == "peak":
            pin(request["threads"])
            return matrix_product(request["side"])
        if what == "kernels":
            from edgeseg.runtimes.onnx_profile import kernel_types

            pin(request["threads"])
            return {"kernels": kernel_types(Path(request["file"]), request["threads"])}
        if what == "frame":
            from edgeseg_benchmarks.yardsticks import Pace, frame

            photograph, pace = Path(request["photograph"]), Pace(**request["pace"])
            return frame(
                photograph, pace, request["threads"], request["file"], request["runtime"]
            ).to_dict()
        assert self.row is not None, "loaded first"
        return self.row.answer(what, request)


def _private_output() -> TextIO:
    """The stream of answers; what a library prints goes to standard error instead."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stream


def main() -> None:
    """Until standard input ends."""
    die_with_parent()
    answers, worker = _private_output(), Worker()
    for line in sys.stdin:
        answers.write(json.dumps(worker.answer(json.loads(line))) + "\n")
        answers.flush()
