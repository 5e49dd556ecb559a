"""What the gate makes of two records: it opens for what is as good, and closes for each reason of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.device import DeviceInfo
from edgeseg.evaluation.scores import DataSetScores, PhotographScores, Scores
from edgeseg_benchmarks.gate.judge import judge
from edgeseg_benchmarks.gate.verdict import GateLimits, GateResult
from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.row import BenchRow, Latency, RowKey

VNNI = DeviceInfo(cpu="Xeon", features=("avx2", "avx512_vnni"))
PLAIN = DeviceInfo(cpu="Cortex-A72", features=("asimd",))
VERSIONS = {"edgeseg": "0.1.0", "onnxruntime": "1.32.0"}
LATENCY = Latency(30.0, 31.0, 32.0, 29.0)
DICE = (0.8, 0.75, 0.82)


def data_set(
    dice: Sequence[float | None] = DICE, name: str = "drive", first: int = 1
) -> DataSetScores:
    photographs = (
        PhotographScores(f"{k:02}", status="it holds no fundus")
        if value is None
        else PhotographScores.from_scores(f"{k:02}", Scores(value, 0.6, 0.95, 0.7, 0.98, 0.97))
        for k, value in enumerate(dice, first)
    )
    return DataSetScores(name, "test", tuple(photographs))


def row(
    precision: str = "fp32", dice: Sequence[float | None] = DICE, **changes: object
) -> BenchRow:
    key = RowKey("default", precision, "onnxruntime", 2)
    plain = BenchRow(
        key, 896, 4_000_000, LATENCY, LATENCY, peak_rss_bytes=200_000_000, ratio_to_first=1.0,
        end_to_end_ratio_to_first=1.0, data_sets=(data_set(dice),),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def bench(*rows: BenchRow, device: DeviceInfo = VNNI) -> BenchRecord:
    return BenchRecord(device, VERSIONS, rows)


def compared(
    before: BenchRow | BenchRecord, now: BenchRow | BenchRecord, limits: GateLimits | None = None
) -> GateResult:
    old, new = (bench(one) if isinstance(one, BenchRow) else one for one in (before, now))
    return judge(old, new, limits or GateLimits())


def reasons(judgement: GateResult, outcome: str) -> str:
    return "\n".join(str(verdict) for verdict in judgement.verdicts if verdict.outcome == outcome)


def test_the_same_passes() -> None:
    judgement = compared(row(), row())
    assert judgement
    assert {verdict.outcome for verdict in judgement.verdicts} == {"held"}


@pytest.mark.parametrize(
    ("dice", "said"),
    [
        ((0.797, 0.747, 0.817), "Dice drive test (3) 0.7900 -> 0.7870 (-0.0030, limit -0.0020)"),
        ((0.8, 0.72, 0.85), "Dice drive worst: 02 0.7500 -> 0.7200"),
        ((0.8, None, 0.82), "Dice drive 02 0.7500 -> none (not scored: it holds no fundus)"),
        ((None, None, None), "not scored"),
        ((0.8, math.nan, 0.82), "nan"),
    ],
)
def test_lost_dice_closes(dice: Sequence[float | None], said: str) -> None:
    judgement = compared(row(), row(dice=dice))
    assert not judgement
    assert said in reasons(judgement, "worse")


def test_a_change_of_exactly_its_limit_is_within_it() -> None:
    assert compared(row(dice=[0.802]), row(dice=[0.8]))
    assert compared(row(dice=[0.8, 0.8]), row(dice=[0.78, 0.82]))
    assert not compared(row(dice=[0.8021]), row(dice=[0.8]))


def test_the_mean_is_over_what_both_could_score() -> None:
    # 02 is scored now, and badly; the baseline cannot say that it was better.
    judgement = compared(row(dice=(0.8, None)), row(dice=(0.8, 0.1)))
    assert judgement
    assert "0.8000 -> 0.8000" in reasons(judgement, "held")


def test_a_larger_file_closes() -> None:
    judgement = compared(row(), row(file_bytes=4_100_000))
    assert not judgement
    assert reasons(judgement, "worse") == (
        "default fp32 onnxruntime 2 threads: file size 4.000 MB -> 4.100 MB (+2.5%, limit +2.0%)"
    )
    assert compared(row(), row(file_bytes=4_080_000))
    assert compared(row(), row(file_bytes=4_100_000), GateLimits(size_growth=0.03))


@pytest.mark.parametrize("which", ["ratio_to_first", "end_to_end_ratio_to_first"])
def test_a_slower_row_closes_by_its_ratio_and_only_where_a_limit_is_given(which: str) -> None:
    before = bench(row(), replace(row("fp16"), **{which: 0.5}))  # type: ignore[arg-type]
    slower = bench(row(), replace(row("fp16"), **{which: 0.7}))  # type: ignore[arg-type]
    assert compared(before, slower)
    judgement = compared(before, slower, GateLimits(latency_ratio=1.3))
    assert not judgement
    assert "time over default fp32 x0.50 -> x0.70 (x1.40, limit x1.30)" in reasons(
        judgement, "worse"
    )
    assert compared(before, slower, GateLimits(latency_ratio=1.5))


def test_a_slower_machine_is_no_slower_model() -> None:
    crawl = Latency(900.0, 910.0, 920.0, 890.0)
    before = bench(row(), row("fp16", ratio_to_first=0.5))
    now = bench(row(network_ms=crawl), row("fp16", ratio_to_first=0.5, network_ms=crawl))
    assert compared(before, now, GateLimits(latency_ratio=1.01, memory_ratio=1.01))


def test_memory_closes_by_its_ratio() -> None:
    before, now = bench(row(), row("fp16")), bench(row(), row("fp16", peak_rss_bytes=300_000_000))
    judgement = compared(before, now, GateLimits(memory_ratio=1.2))
    assert "memory over default fp32 x1.00 -> x1.50" in reasons(judgement, "worse")
    assert compared(before, now)


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (bench(row()), bench(row()), "no second row"),
        (bench(row(), row("fp16")), bench(row("fp16"), row()), "ratios are over default fp32"),
        (
            bench(row(), row("fp16")),
            bench(row(), row("fp16", ratio_to_first=None)),
            "does not tell it",
        ),
    ],
)
def test_a_limit_that_nothing_can_be_held_to_is_told(
    before: BenchRecord, now: BenchRecord, said: str
) -> None:
    judgement = compared(before, now, GateLimits(latency_ratio=1.5))
    assert not judgement
    assert said in reasons(judgement, "incomparable")


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (row("fp16"), "other precision: the current bench has fp16"),
        (
            row(key=RowKey("mine", "fp32", "onnxruntime", 2)),
            "other models: the current bench has mine",
        ),
        (
            row(key=RowKey("default", "fp32", "onnxruntime", 4)),
            "other threads: the current bench has 4",
        ),
        (
            row(key=RowKey("default", "fp32", "openvino", 2)),
            "other runtime: the current bench has openvino",
        ),
        (row(size_px=1024), "other working size: 896 pixels in the baseline, 1024 now"),
        (row(data_sets=()), "other data: the current bench has none"),
        (row(data_sets=(data_set(name="stare"),)), "other data: the current bench has stare test"),
        (
            row(data_sets=(msgspec.structs.replace(data_set(), split="train"),)),
            "other data: the current bench has drive train",
        ),
        (row(data_sets=(data_set(first=2),)), "other photographs: 01, 04"),
        (row(dice=DICE[:2]), "other photographs: 03"),
    ],
)
def test_what_cannot_be_compared_is_told(now: BenchRow, said: str) -> None:
    judgement = compared(row(), now)
    assert not judgement
    assert said in reasons(judgement, "incomparable")
    assert not judgement.of("worse")


def test_a_baseline_that_says_nothing_never_passes() -> None:
    for before in (row(data_sets=()), row(status="out of memory"), row(dice=[None, None, None])):
        judgement = compared(before, row())
        assert not judgement
        assert judgement.of("incomparable")


def test_a_row_that_fails_is_worse() -> None:
    judgement = compared(row(), row(status="its process died", network_ms=None))
    assert "ok -> failed (its process died)" in reasons(judgement, "worse")


def test_int8_is_compared_only_where_the_cpu_has_the_instructions() -> None:
    before = bench(row(), row("int8"))
    bad = row("int8", dice=(0.1, 0.1, 0.1))
    assert not compared(before, bench(row(), bad))
    judgement = compared(before, bench(row(), bad, device=PLAIN), GateLimits(latency_ratio=1.1))
    assert judgement
    assert "neither AVX2 nor dot product" in reasons(judgement, "not compared")
    assert compared(before, bench(row(), device=PLAIN))
    assert not compared(before, bench(row()))


def test_a_runtime_that_is_not_installed_is_not_compared() -> None:
    other = row(key=RowKey("default", "fp32", "openvino", 2))
    judgement = compared(bench(row(), other), row())
    assert judgement
    assert "openvino is not installed" in reasons(judgement, "not compared")
    installed = replace(bench(row()), versions={**VERSIONS, "openvino": "2026.4"})
    assert not compared(bench(row(), other), installed)


def test_a_baseline_with_nothing_comparable_never_passes() -> None:
    judgement = compared(bench(row("int8")), bench(row("int8"), device=PLAIN))
    assert not judgement
    assert not judgement.of("worse")


def test_fp32_in_onnx_runtime_is_compared_on_every_device() -> None:
    judgement = compared(bench(row(), device=VNNI), bench(row(dice=(0.1, 0.1, 0.1)), device=PLAIN))
    assert judgement.of("worse")


def test_data_left_out_on_purpose_is_told_but_never_all_of_it() -> None:
    both = row(data_sets=(data_set(), data_set(name="synthetic")))
    drawn = row(data_sets=(data_set(name="synthetic"),))
    left_out = {("drive", "test")}
    judgement = judge(bench(both), bench(drawn), GateLimits(), left_out)
    assert judgement
    assert "no photographs at hand" in reasons(judgement, "not compared")
    assert not judge(bench(both), bench(drawn), GateLimits())
    nothing = judge(bench(row()), bench(row(data_sets=())), GateLimits(), left_out)
    assert not nothing
    assert nothing.of("incomparable")


dices = st.lists(st.floats(0, 1), min_size=1, max_size=6)


@given(st.data())
def test_it_closes_exactly_where_mean_or_worst_fall_below_their_limits(data: st.DataObject) -> None:
    before = data.draw(dices)
    now = data.draw(st.lists(st.floats(0, 1), min_size=len(before), max_size=len(before)))
    limits = GateLimits(data.draw(st.floats(0, 0.5)), data.draw(st.floats(0, 0.5)))
    drops = [b - n for b, n in zip(before, now, strict=True)]
    slack = min(
        abs(sum(drops) / len(drops) - limits.dice_drop), abs(max(drops) - limits.photograph_drop)
    )
    if slack < 1e-8:
        return
    holds = sum(drops) / len(drops) <= limits.dice_drop and max(drops) <= limits.photograph_drop
    assert bool(compared(row(dice=before), row(dice=now), limits)) == holds


@given(dices)
def test_anything_passes_against_itself(dice: list[float]) -> None:
    same = bench(row(dice=dice), row("fp16", dice=dice, ratio_to_first=0.7))
    assert compared(same, same, GateLimits(0, 0, 0, 1, 1))
