"""`edgeseg doctor --tune`: which runtime, precision and number of threads is fastest here, of those that agree."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import get_args

import numpy as np
from msgspec.structs import replace

from edgeseg.device import cpu
from edgeseg.errors import SystemSetupError
from edgeseg.models.card import Precision
from edgeseg.models.catalog import ModelFile, available_precisions
from edgeseg.models.selection import MAX_MASK_CHANGE, choose_precision, int8_is_validated
from edgeseg.models.tuning_cache import CandidateTiming, TunedSetup, TuningKey
from edgeseg.runtimes.base import RuntimeName, installed_runtimes, resolve_runtime
from edgeseg_benchmarks.remarks import NOISE
from edgeseg_benchmarks.runner import Note, drawn_photograph
from edgeseg_benchmarks.statistics import ratio
from edgeseg_benchmarks.worker.client import RowError, WorkerProcess

YARDSTICK: RuntimeName = "onnxruntime"
PATIENCE_S = 600.0
WARMUP, FEWEST_ROUNDS, MOST_ROUNDS, SECONDS_A_CANDIDATE = 2, 5, 20, 4.0
UNPROVEN = "its card holds no Dice on real photographs that is as good as its float file's: convert it with --data"


@dataclass(frozen=True)
class Spot:
    """A candidate."""

    runtime: RuntimeName
    precision: Precision
    threads: int

    def __str__(self) -> str:
        return f"{self.precision} in {self.runtime}, {self.threads} thread{'' if self.threads == 1 else 's'}"


def tune(model: str, note: Note = lambda _: None) -> TunedSetup:
    """Measure the candidates, and choose.

    Args:
        model: a shipped name or a file.
        note: told what is going on, in a few words each time.

    Raises:
        ModelError: there is no such model.
        SurroundingsError: the yardstick, FP32 in ONNX Runtime with every core, cannot be computed.
    """
    offered, cores = available_precisions(model), cpu.usable_cores()
    cards = {precision: file.card for precision, file in offered.items()}
    yardstick = Spot(YARDSTICK, next(iter(offered)), cores)
    able = {
        p: file
        for p, file in offered.items()
        if p != "int8" or len(offered) == 1 or int8_is_validated(cards)
    }
    measured = [
        CandidateTiming(runtime, p, cores, failure=UNPROVEN)
        for p in offered
        if p not in able
        for runtime in installed_runtimes()
    ]
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as scratch:
        bench = _Bench(
            able,
            drawn_photograph(Path(scratch) / "fundus.png", note),
            Path(scratch),
            yardstick,
            note,
        )
        # One number of threads after the other: a small board has no memory for all the processes at once.
        for threads in numbers_of_threads(cores):
            measured += bench.compare(
                [Spot(runtime, p, threads) for p in able for runtime in installed_runtimes()]
            )
    rule = Spot(resolve_runtime("auto"), choose_precision(cards, cpu.cpu_features())[0], cores)
    best = fastest(measured, rule)
    return TunedSetup(
        TuningKey.for_this_device(cards), best.runtime, best.precision, best.threads, tuple(measured)
    )


def numbers_of_threads(cores: int) -> tuple[int, ...]:
    """Every core, half of them, and so on down to one."""
    return (cores, *numbers_of_threads(cores // 2)) if cores > 1 else (1,)


def fastest(measured: Sequence[CandidateTiming], rule: Spot) -> CandidateTiming:
    """The fastest that agrees; of those that are equally fast what the pure rule takes, else the more exact file.

    Raises:
        SurroundingsError: none works.
    """
    able = [(each.ratio, each) for each in measured if not each.failure and each.ratio is not None]
    if not able:
        raise SystemSetupError(
            "no candidate can compute the model here: `edgeseg doctor` tells why"
        )
    limit = min(ratio for ratio, _ in able) * NOISE

    def order(pair: tuple[float, CandidateTiming]) -> tuple[bool, int, int, float]:
        time, each = pair
        differs = (each.runtime, each.precision, each.threads) != (
            rule.runtime,
            rule.precision,
            rule.threads,
        )
        return differs, get_args(Precision).index(each.precision), each.threads, time

    return min((pair for pair in able if pair[0] <= limit), key=order)[1]


def judged(measured: CandidateTiming) -> CandidateTiming:
    """With its failure, where too many pixels differ from the yardstick's."""
    most = MAX_MASK_CHANGE[measured.precision]
    if measured.failure or measured.flipped is None or measured.flipped <= most:
        return measured
    said = f"its mask differs from the yardstick's in {measured.flipped:.2%} of the field of view, at most {most:.1%} may"
    return replace(measured, failure=said)


class _Bench:
    """What the candidates are measured with."""

    def __init__(
        self,
        files: Mapping[Precision, ModelFile],
        photograph: Path,
        scratch: Path,
        yardstick: Spot,
        note: Note,
    ) -> None:
        self.files, self.photograph, self.scratch = files, photograph, scratch
        self.yardstick, self.note = yardstick, note
        self.expected: Path | None = None

    def compare(self, spots: Sequence[Spot]) -> Iterator[CandidateTiming]:
        """Candidates against the yardstick, in turns; each in a process of its own."""
        first = _Running(self.yardstick, self)
        running = [first]
        try:
            if first.failure:
                raise SystemSetupError(
                    f"the yardstick, {self.yardstick}, cannot be computed: {first.failure}"
                )
            self.expected = first.mask
            running += [_Running(spot, self) for spot in spots if spot != self.yardstick]
            self._take_turns(running)
            if first.failure:
                raise SystemSetupError(
                    f"the yardstick, {self.yardstick}, cannot be computed: {first.failure}"
                )
            return iter([each.measured(first) for each in running if each.spot in spots])
        finally:
            for each in running:
                each.close()

    def _take_turns(self, running: Sequence[_Running]) -> None:
        """A B C A B C: where the clock drifts, it drifts for all."""
        for _ in range(WARMUP):
            for each in running:
                each.turn()
        slowest = max((each.times[-1] for each in running if each.times), default=1.0)
        rounds = max(
            FEWEST_ROUNDS,
            min(MOST_ROUNDS, int(SECONDS_A_CANDIDATE * 1e3 / (2 * max(slowest, 1e-3)))),
        )
        for each in running:
            each.times.clear()
        for number in range(rounds):
            self.note(f"round {number + 1} of {rounds}")
            for each in running:
                each.turn()


class _Running:
    """A candidate's process, and what was measured so far."""

    def __init__(self, spot: Spot, bench: _Bench) -> None:
        self.spot, self.failure, self.compute = spot, "", ""
        self.flipped: float | None = None
        self.times: list[float] = []
        self.mask = bench.scratch / f"{spot.runtime}.{spot.precision}.{spot.threads}.npy"
        self._process = WorkerProcess(PATIENCE_S)
        bench.note(f"loading {spot}")
        try:
            self._process.ask(self._load(bench))
            self.compute = self._process.ask({"do": "mask", "output": str(self.mask)}).text(
                "compute"
            )
            self.flipped = flips(self.mask, bench.expected or self.mask)
        except (RowError, ValueError, OSError) as error:
            self.failure = str(error)

    def _load(self, bench: _Bench) -> dict[str, object]:
        file, photographs = str(bench.files[self.spot.precision].path), [str(bench.photograph)]
        return {"do": "load", **asdict(self.spot), "file": file, "photographs": photographs}

    def turn(self) -> None:
        """One timed frame, unless it failed before."""
        if self.failure:
            return
        try:
            self.times.append(self._process.ask({"do": "network"}).number("network"))
        except (RowError, ValueError) as error:
            self.failure = str(error)

    def measured(self, first: _Running) -> CandidateTiming:
        """Its figures."""
        spot = self.spot
        found = CandidateTiming(
            spot.runtime, spot.precision, spot.threads, self.compute, failure=self.failure
        )
        if self.failure:
            return found
        against = ratio(self.times, first.times)
        return judged(
            replace(found, flipped=self.flipped, network_ms=median(self.times), ratio=against)
        )

    def close(self) -> None:
        """End the process."""
        self._process.close()


def flips(mask: Path, expected: Path) -> float:
    """Share of the field of view's pixels that differ, of two files that a worker wrote."""
    (one, fov), (other, _) = (
        np.load(mask, allow_pickle=False),
        np.load(expected, allow_pickle=False),
    )
    return int(np.count_nonzero(one != other)) / max(1, int(np.count_nonzero(fov)))
