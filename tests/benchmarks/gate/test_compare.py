"""Comparison of two benchmark records: it passes, or fails for each kind of regression."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edgeseg.device import DeviceInfo
from edgeseg.evaluation.scores import DataSetScores, PhotographScores, Scores
from edgeseg.models.card import Precision
from edgeseg_benchmarks.gate.compare import compare_benches
from edgeseg_benchmarks.gate.result import GateLimits, GateResult, Outcome
from edgeseg_benchmarks.record import BenchRecord, BenchRow, Latency
from edgeseg_benchmarks.reference_model import REMARK

VNNI = DeviceInfo(cpu="Xeon", features=("avx2", "avx512_vnni"))
PLAIN = DeviceInfo(cpu="Cortex-A72", features=("asimd",))
VERSIONS = {"edgeseg": "0.1.0", "onnxruntime": "1.32.0"}
LATENCY = Latency(30.0, 31.0, 32.0, 29.0)
DICE = (0.8, 0.75, 0.82)
LATENCY_LIMIT = GateLimits(latency_ratio=1.3)


def make_data_set(
    dice: Sequence[float | None] = DICE, name: str = "drive", first: int = 1, split: str = "test"
) -> DataSetScores:
    photographs = []
    for number, value in enumerate(dice, first):
        if value is None:
            photographs.append(PhotographScores(f"{number:02}", status="no retina"))
        else:
            scores = Scores(value, 0.6, 0.95, 0.7, 0.98, 0.97)
            photographs.append(PhotographScores.from_scores(f"{number:02}", scores))
    return DataSetScores(name, split, tuple(photographs))


def make_row(
    precision: Precision = "fp32", dice: Sequence[float | None] = DICE, **changes: object
) -> BenchRow:
    row = BenchRow(
        "default",
        precision,
        "onnxruntime",
        2,
        size_px=896,
        file_bytes=4_000_000,
        network_ms=LATENCY,
        end_to_end_ms=LATENCY,
        peak_rss_bytes=200_000_000,
        ratio_to_first=1.0,
        end_to_end_ratio_to_first=1.0,
        data_sets=(make_data_set(dice),),
    )
    return replace(row, **changes)


def bench(*rows: BenchRow, device: DeviceInfo = VNNI) -> BenchRecord:
    return BenchRecord(device, VERSIONS, rows)


def compare(
    before: BenchRow | BenchRecord, now: BenchRow | BenchRecord, limits: GateLimits | None = None
) -> GateResult:
    old = bench(before) if isinstance(before, BenchRow) else before
    new = bench(now) if isinstance(now, BenchRow) else now
    return compare_benches(old, new, limits or GateLimits())


def reasons(result: GateResult, outcome: Outcome) -> str:
    return "\n".join(map(str, result.with_outcome(outcome)))


def test_compare_equal_records_passes() -> None:
    result = compare(make_row(), make_row())
    assert result
    assert {entry.outcome for entry in result.comparisons} == {"ok"}


@pytest.mark.parametrize(
    ("dice", "fragment"),
    [
        ((0.797, 0.747, 0.817), "Dice drive test (3) 0.7900 -> 0.7870 (-0.0030, limit -0.0020)"),
        ((0.8, 0.72, 0.85), "worst: 02 0.7500 -> 0.7200"),
        ((0.8, None, 0.82), "Dice drive 02 0.7500 -> none"),
        ((None, None, None), "Dice drive 01 0.8000 -> none"),
        ((0.8, math.nan, 0.82), "nan"),
    ],
)
def test_compare_with_lower_dice_fails(dice: Sequence[float | None], fragment: str) -> None:
    result = compare(make_row(), make_row(dice=dice))
    assert not result
    assert fragment in reasons(result, "worse")


def test_compare_with_a_change_equal_to_its_limit_passes() -> None:
    assert compare(make_row(dice=[0.802]), make_row(dice=[0.8]))
    assert compare(make_row(dice=[0.8, 0.8]), make_row(dice=[0.78, 0.82]))
    assert not compare(make_row(dice=[0.8021]), make_row(dice=[0.8]))


def test_compare_uses_photographs_that_both_could_score() -> None:
    # The current benchmark contains a low Dice of photograph 02, which the baseline does not
    # contain.
    result = compare(make_row(dice=(0.8, None)), make_row(dice=(0.8, 0.1)))
    assert result
    assert "0.8000 -> 0.8000" in reasons(result, "ok")


def test_compare_with_larger_file_fails() -> None:
    result = compare(make_row(), make_row(file_bytes=4_100_000))
    assert not result
    assert "file size 4.000 MB -> 4.100 MB (+2.5%, limit +2.0%)" in reasons(result, "worse")
    assert compare(make_row(), make_row(file_bytes=4_080_000))
    assert compare(make_row(), make_row(file_bytes=4_100_000), GateLimits(size_growth=0.03))


@pytest.mark.parametrize("ratio", ["ratio_to_first", "end_to_end_ratio_to_first"])
def test_compare_with_slower_row_fails_only_with_a_limit(ratio: str) -> None:
    before = bench(make_row(), make_row("fp16", **{ratio: 0.5}))  # type: ignore[arg-type]
    slower = bench(make_row(), make_row("fp16", **{ratio: 0.7}))  # type: ignore[arg-type]
    assert compare(before, slower)
    result = compare(before, slower, LATENCY_LIMIT)
    assert not result
    assert "over default fp32 x0.50 -> x0.70 (x1.40, limit x1.30)" in reasons(result, "worse")
    assert compare(before, slower, GateLimits(latency_ratio=1.5))


def test_compare_on_a_slower_machine_passes() -> None:
    slow = Latency(900.0, 910.0, 920.0, 890.0)
    before = bench(make_row(), make_row("fp16", ratio_to_first=0.5))
    row = make_row("fp16", ratio_to_first=0.5, network_ms=slow)
    now = bench(make_row(network_ms=slow), row)
    assert compare(before, now, GateLimits(latency_ratio=1.01, memory_ratio=1.01))


def test_compare_with_more_memory_fails_only_with_a_limit() -> None:
    before = bench(make_row(), make_row("fp16"))
    now = bench(make_row(), make_row("fp16", peak_rss_bytes=300_000_000))
    result = compare(before, now, GateLimits(memory_ratio=1.2))
    assert "memory over default fp32 x1.00 -> x1.50" in reasons(result, "worse")
    assert compare(before, now)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (bench(make_row()), bench(make_row())),
        (bench(make_row(), make_row("fp16")), bench(make_row("fp16"), make_row())),
        (
            bench(make_row(), make_row("fp16")),
            bench(make_row(), make_row("fp16", ratio_to_first=None)),
        ),
    ],
    ids=["no second row", "other first row", "no ratio"],
)
def test_compare_with_a_limit_that_cannot_be_checked_is_incomparable(
    before: BenchRecord, now: BenchRecord
) -> None:
    result = compare(before, now, LATENCY_LIMIT)
    assert not result
    assert result.with_outcome("incomparable")
    assert compare(before, now)


@pytest.mark.parametrize(
    ("now", "fragment"),
    [
        (make_row("fp16"), "default fp16 onnxruntime 2 threads"),
        (make_row(model="mine"), "mine fp32"),
        (make_row(threads=4), "4 threads"),
        (make_row(runtime="openvino"), "openvino"),
        (make_row(size_px=1024), "896 px in the baseline, 1024 px now"),
        (make_row(data_sets=()), "none"),
        (make_row(data_sets=(make_data_set(name="stare"),)), "stare test"),
        (make_row(data_sets=(make_data_set(split="train"),)), "drive train"),
        (make_row(data_sets=(make_data_set(first=2),)), "01, 04"),
        (make_row(dice=DICE[:2]), "03"),
    ],
)
def test_compare_with_other_measurements_is_incomparable(now: BenchRow, fragment: str) -> None:
    result = compare(make_row(), now)
    assert not result
    assert fragment in reasons(result, "incomparable")
    assert not result.with_outcome("worse")


@pytest.mark.parametrize(
    "before",
    [
        make_row(data_sets=()),
        make_row(status="out of memory"),
        make_row(dice=[None, None, None]),
    ],
)
def test_compare_with_an_empty_baseline_is_incomparable(before: BenchRow) -> None:
    result = compare(before, make_row())
    assert not result
    assert result.with_outcome("incomparable")


def test_compare_with_failed_row_is_worse() -> None:
    result = compare(make_row(), make_row(status="the process ended unexpectedly", network_ms=None))
    assert "ok -> failed (the process ended unexpectedly)" in reasons(result, "worse")


def test_compare_skips_int8_on_a_cpu_without_the_instructions() -> None:
    before = bench(make_row(), make_row("int8"))
    bad = make_row("int8", dice=(0.1, 0.1, 0.1))
    assert not compare(before, bench(make_row(), bad))
    result = compare(before, bench(make_row(), bad, device=PLAIN), GateLimits(latency_ratio=1.1))
    assert result
    assert "AVX2" in reasons(result, "skipped")
    assert compare(before, bench(make_row(), device=PLAIN))
    assert not compare(before, bench(make_row()))


def test_compare_skips_a_runtime_that_is_not_installed() -> None:
    other = make_row(runtime="openvino")
    result = compare(bench(make_row(), other), make_row())
    assert result
    assert "openvino is not installed" in reasons(result, "skipped")
    installed = replace(bench(make_row()), versions={**VERSIONS, "openvino": "2026.4"})
    assert not compare(bench(make_row(), other), installed)


def test_compare_with_only_skipped_rows_fails() -> None:
    result = compare(bench(make_row("int8")), bench(make_row("int8"), device=PLAIN))
    assert not result
    assert not result.with_outcome("worse")


def test_compare_never_skips_fp32_in_onnx_runtime() -> None:
    now = bench(make_row(dice=(0.1, 0.1, 0.1)), device=PLAIN)
    assert compare(bench(make_row(), device=VNNI), now).with_outcome("worse")


def test_compare_skips_omitted_data_sets_unless_all_are_omitted() -> None:
    both = make_row(data_sets=(make_data_set(), make_data_set(name="synthetic")))
    synthetic = make_row(data_sets=(make_data_set(name="synthetic"),))
    omitted = {("drive", "test")}
    result = compare_benches(bench(both), bench(synthetic), GateLimits(), omitted)
    assert result
    assert "--data drive:DIR" in reasons(result, "skipped")
    assert not compare_benches(bench(both), bench(synthetic), GateLimits())
    empty = bench(make_row(data_sets=()))
    nothing = compare_benches(bench(make_row()), empty, GateLimits(), omitted)
    assert not nothing
    assert nothing.with_outcome("incomparable")


dices = st.lists(st.floats(0, 1), min_size=1, max_size=6)


@given(st.data())
def test_compare_fails_if_mean_or_largest_drop_exceeds_its_limit(data: st.DataObject) -> None:
    before = data.draw(dices)
    now = data.draw(st.lists(st.floats(0, 1), min_size=len(before), max_size=len(before)))
    limits = GateLimits(data.draw(st.floats(0, 0.5)), data.draw(st.floats(0, 0.5)))
    drops = [b - n for b, n in zip(before, now, strict=True)]
    mean, worst = sum(drops) / len(drops), max(drops)
    distance = min(abs(mean - limits.dice_drop), abs(worst - limits.photograph_drop))
    if distance < 1e-8:
        return
    passes = mean <= limits.dice_drop and worst <= limits.photograph_drop
    assert bool(compare(make_row(dice=before), make_row(dice=now), limits)) == passes


@given(dices)
def test_compare_with_itself_passes(dice: list[float]) -> None:
    same = bench(make_row(dice=dice), make_row("fp16", dice=dice, ratio_to_first=0.7))
    assert compare(same, same, GateLimits(0, 0, 0, 1, 1))


def test_compare_with_reference_model_skips_its_row() -> None:
    reference = make_row(model="resunet-deeper", data_sets=(), remarks=(REMARK,))
    record = bench(make_row(), reference)
    for now in (record, bench(make_row())):
        result = compare(record, now)
        assert result
        assert "resunet-deeper" in reasons(result, "skipped")
    assert "second row" in reasons(compare(record, record, LATENCY_LIMIT), "incomparable")


def test_compare_with_own_model_of_the_same_name_is_not_skipped() -> None:
    row = make_row(model="resunet-deeper")
    assert not compare(row, replace(row, data_sets=(make_data_set((0.1, 0.1, 0.1)),)))
