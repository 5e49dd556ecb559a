"""An order -> the record: the rows' processes take turns round by round, and only one of them computes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from edgeseg.device import cpu, describe_device, device_warnings, installed_versions
from edgeseg.evaluation.scores import DataSetScores
from edgeseg.system.files import write_atomically
from edgeseg_benchmarks import reference_model
from edgeseg_benchmarks.bounds import bounds
from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.row import BenchRow
from edgeseg_benchmarks.remarks import add_remarks, computes_otherwise
from edgeseg_benchmarks.rows import (
    DEFAULT_RUNTIME,
    PEER,
    BenchOptions,
    RowSpec,
    candidates,
    in_autos_precision,
    installed_runtimes,
)
from edgeseg_benchmarks.statistics import Turn, latency, ratio, stages
from edgeseg_benchmarks.worker.client import RowError, WorkerProcess
from edgeseg_benchmarks.worker.cold_start import SLOW_MS, cold_start

PHOTOGRAPH_SIZE, SEED = 2048, 29
MATRIX_SIDE = 2048
COLD_STARTS, PEAK_ROUNDS = 3, 5
MOST_ROUNDS, FEWEST_ROUNDS, SECONDS_A_ROW = 20, 3, 8.0
"""Unless the rounds are given: as many as fit this time for a row."""

Note = Callable[[str], None]


def run_bench(order: BenchOptions, note: Note = lambda _: None) -> BenchRecord:
    """Measure.

    Args:
        order: what to measure.
        note: told what is going on, in a few words each time.

    Raises:
        UsageError: a data set's name is unknown.
        SurroundingsError: a data set is not there, or the extra that `--reference` needs.
    """
    _check(order)
    device = describe_device()
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as scratch:
        photograph = drawn_photograph(Path(scratch) / "fundus.png", note)
        chosen = candidates(order)
        if order.reference:
            note("making ResUNet-Deeper")
            chosen += reference_model.reference_rows(
                Path(scratch), order.runtimes or installed_runtimes(), order.threads
            )
        rows = [_Row(candidate, photograph, order, note) for candidate in chosen]
        peaks = {
            number: _Peak(number, order.timeout_s)
            for number in sorted({c.key.threads for c in chosen})
        }
        try:
            _take_turns(rows, list(peaks.values()), order, note)
            _finish(rows, order, note)
        finally:
            for row in rows:
                row.close()
            for peak in peaks.values():
                peak.close()
        bounded = (
            in_autos_precision(chosen[0], order.models[0])
            if order.bounds and not rows[0].failure
            else None
        )
        best = {number: peak.gflops for number, peak in peaks.items() if peak.gflops}
        bench = BenchRecord(
            device=device,
            versions=installed_versions(),
            rows=tuple(_record(row, rows, best) for row in rows),
            photographs=f"a drawn photograph of {PHOTOGRAPH_SIZE}x{PHOTOGRAPH_SIZE} pixels (PNG, seed {SEED})",
            rounds=max(len(row.turns) for row in rows),
            peaks=best,
            bounds=bounds(bounded, photograph, order.timeout_s, note) if bounded else (),
            warnings=(
                *device_warnings(device),
                *_late_troubles(device.throttling),
                *_too_many_threads(chosen),
            ),
        )
    return add_remarks(bench)


def _check(order: BenchOptions) -> None:
    """What is wrong with a data set is told now, not after minutes."""
    from edgeseg.datasets import open_data

    for spec in order.data:
        open_data(spec, "test")
    if order.reference:
        reference_model.check_installed()


def drawn_photograph(file: Path, note: Note) -> Path:
    """Write the photograph that all is timed on."""
    from edgeseg.imaging.photo import encode_png
    from edgeseg.synthetic import generate_photo

    note("drawing a photograph")
    write_atomically(file, encode_png(generate_photo(SEED, PHOTOGRAPH_SIZE).photo))
    return file


class _Peak:
    """What this machine's FP32 arithmetic reaches, by a large matrix product, a turn a round as the rows."""

    def __init__(self, threads: int, timeout_s: float) -> None:
        self.threads, self.gflops = threads, 0.0
        self._process: WorkerProcess | None = WorkerProcess(timeout_s, threads)

    def turn(self) -> None:
        if self._process is None:
            return
        try:
            answer = self._process.ask({"do": "peak", "threads": self.threads, "side": MATRIX_SIDE})
            self.gflops = max(self.gflops, answer.number("gflops"))
        except RowError:  # too little memory for it: then there is no share of the peak
            self.close()

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


class _Row:
    """A row on its way: its process, what was measured so far, and why it failed."""

    def __init__(
        self, candidate: RowSpec, photograph: Path, order: BenchOptions, note: Note
    ) -> None:
        self.candidate, self.photograph, self.failure = candidate, photograph, candidate.failure
        self.turns: list[Turn] = []
        self.cold_starts: list[float] = []
        self.rounds = 0
        self.facts = BenchRow(
            candidate.key, remarks=candidate.remarks, taken_by_auto=candidate.taken_by_auto
        )
        self._timeout_s = order.timeout_s
        self._process: WorkerProcess | None = None
        if not self.failure:
            note(f"loading {candidate.key}")
            self.attempt(self._load)
            self.attempt(lambda: self._warm_up(order))

    def attempt(self, step: Callable[[], None]) -> None:
        """Take a step, unless the row failed already; where it fails, the row has failed and the others go on."""
        if self.failure:
            return
        try:
            step()
        except (RowError, ValueError) as error:
            self.failure = str(error)
            self.close()

    def turn(self) -> None:
        answer = self._ask("turn")
        laps = answer.inner("stages")
        spent = {name: laps.number(name) for name in laps.names()}
        self.turns.append(Turn(answer.number("network"), answer.number("end_to_end"), spent))

    def start_cold(self) -> None:
        if self.candidate.key.runtime != PEER and (
            not self.cold_starts or self.cold_starts[0] < SLOW_MS
        ):
            self.cold_starts.append(cold_start(self.candidate, self.photograph, self._timeout_s))

    def remember(self) -> None:
        if self.candidate.key.runtime != PEER:  # whose process holds ONNX Runtime's session too
            self.facts = replace(
                self.facts, peak_rss_bytes=self._ask("memory").optional_whole("bytes")
            )

    def look_at_kernels(self) -> None:
        if self.candidate.key.runtime != DEFAULT_RUNTIME:
            return
        process = WorkerProcess(self._timeout_s)
        try:
            request = {
                "do": "kernels",
                "file": str(self.candidate.file),
                "threads": self.candidate.key.threads,
            }
            told = process.ask(request).inner("kernels")
            self.facts = replace(
                self.facts, kernels={name: told.whole(name) for name in told.names()}
            )
        finally:
            process.close()

    def evaluate(self, spec: str) -> None:
        evidence = DataSetScores.from_fields(self._ask("evaluate", spec=spec))
        self.facts = replace(self.facts, data_sets=(*self.facts.data_sets, evidence))

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    def _load(self) -> None:
        assert self.candidate.file is not None
        self._process = WorkerProcess(self._timeout_s)
        key = self.candidate.key
        answer = self._ask(
            "load",
            file=str(self.candidate.file),
            runtime=key.runtime,
            threads=key.threads,
            photographs=[str(self.photograph)],
        )
        self.facts = replace(
            self.facts,
            remarks=(*self.facts.remarks, *computes_otherwise(key.runtime, answer.text("compute"))),
            size_px=answer.whole("size_px"),
            gmac=answer.optional_number("gmac"),
            file_bytes=self.candidate.file.stat().st_size,
        )

    def _warm_up(self, order: BenchOptions) -> None:
        """As many untimed turns as asked for, fewer of a row that takes seconds a frame; the last decides how many."""
        spent = 0.0
        for k in range(max(1, order.warmup)):
            if k and spent > SECONDS_A_ROW:
                break
            self.turn()
            # A turn's first frame is untimed, but takes its time.
            last = (self.turns[-1].network + 2 * self.turns[-1].end_to_end) / 1e3
            spent += last
        fitting = max(FEWEST_ROUNDS, min(MOST_ROUNDS, int(SECONDS_A_ROW / last)))
        self.rounds = (
            min(order.rounds or fitting, fitting)
            if not self.candidate.scored
            else order.rounds or fitting
        )
        self.turns.clear()

    def _ask(self, what: str, **more: object):  # type: ignore[no-untyped-def]  # noqa: ANN202
        assert self._process is not None
        return self._process.ask({"do": what, **more})


def _take_turns(
    rows: Sequence[_Row], peaks: Sequence[_Peak], order: BenchOptions, note: Note
) -> None:
    """A B C A B C: where the clock drifts, it drifts for all."""
    most = max(row.rounds for row in rows)
    for number in range(most):
        note(f"round {number + 1} of {most}")
        for peak in peaks if number < PEAK_ROUNDS else ():
            peak.turn()
        for row in rows:
            if number < row.rounds:
                row.attempt(row.turn)
    for _ in range(
        most, PEAK_ROUNDS
    ):  # with few rounds too: one product alone may lie far below the peak
        for peak in peaks:
            peak.turn()
    for row in rows:
        row.attempt(row.remember)


def _finish(rows: Sequence[_Row], order: BenchOptions, note: Note) -> None:
    """What needs a process of its own or a long time, now that the clock matters less."""
    for number in range(COLD_STARTS):
        note(f"cold start {number + 1} of {COLD_STARTS}")
        for row in rows:
            row.attempt(row.start_cold)
    for row in rows:
        note(f"kernels of {row.candidate.key}")
        row.attempt(row.look_at_kernels)
        for spec in order.data if row.candidate.scored else ():
            note(f"{spec.partition(':')[0]} with {row.candidate.key}")
            row.attempt(lambda row=row, spec=spec: row.evaluate(spec))  # type: ignore[misc]
        row.close()


def _record(row: _Row, rows: Sequence[_Row], peaks: dict[int, float]) -> BenchRow:
    """The row's figures; ratios are against the first that was measured."""
    if row.failure:
        return BenchRow(row.candidate.key, status=row.failure, remarks=row.candidate.remarks)
    first = next(other for other in rows if not other.failure)
    network, whole = [t.network for t in row.turns], [t.end_to_end for t in row.turns]
    facts, alone = row.facts, latency(network)
    gflops = None if facts.gmac is None else 2 * facts.gmac / (alone.p50 / 1e3)
    peak = peaks.get(row.candidate.key.threads)
    return replace(
        facts,
        network_ms=alone,
        end_to_end_ms=latency(whole),
        stages_ms=stages(row.turns),
        cold_start_ms=median(row.cold_starts) if row.cold_starts else None,
        ratio_to_first=ratio(network, [t.network for t in first.turns]),
        end_to_end_ratio_to_first=ratio(whole, [t.end_to_end for t in first.turns]),
        gflops=gflops,
        share_of_peak=gflops / peak if gflops is not None and peak else None,
    )


def _late_troubles(before: Sequence[str]) -> list[str]:
    """The heat that the bench itself made."""
    return [
        f"the clock is held down by now: {reason}"
        for reason in describe_device().throttling
        if reason not in before
    ]


def _too_many_threads(chosen: Sequence[RowSpec]) -> list[str]:
    cores = cpu.usable_cores()
    return [
        f"{number} threads share the {cores} core{'' if cores == 1 else 's'} that this process may use"
        for number in sorted({c.key.threads for c in chosen})
        if number > cores
    ]
