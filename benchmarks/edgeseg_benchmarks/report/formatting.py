"""A row's figures as text: the one place that decides units and digits for table, page and CSV."""

from __future__ import annotations

from dataclasses import asdict

from edgeseg.evaluation.scores import OK
from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.bound import Bound
from edgeseg_benchmarks.record.row import BenchRow, Latency

STAGES = {
    "decode": "decode",
    "field_of_view": "field of view",
    "preprocess": "preprocess",
    "infer": "infer",
    "postprocess": "postprocess",
}


def ms(value: float) -> str:
    """Milliseconds with three digits that mean something."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def percentiles(latency: Latency | None) -> dict[str, str]:
    """By name, the shortest last."""
    return {} if latency is None else {name: ms(value) for name, value in asdict(latency).items()}


def latencies(latency: Latency | None) -> list[str]:
    """`p50 41.2` and so on."""
    return [f"{name} {value}" for name, value in percentiles(latency).items()]


def stage_lines(row: BenchRow) -> list[str]:
    """Median of each stage."""
    return [f"{STAGES.get(name, name)} {ms(value)}" for name, value in row.stages_ms.items()]


def costs(row: BenchRow) -> dict[str, str]:
    """File, memory, cold start, arithmetic: each with its unit, by the words that follow it."""
    told = {
        "file": None if row.file_bytes is None else f"{row.file_bytes / 1e6:.2f} MB",
        "memory": None if row.peak_rss_bytes is None else f"{row.peak_rss_bytes / 1e6:.0f} MB",
        "cold start": None if row.cold_start_ms is None else f"{row.cold_start_ms / 1e3:.2f} s",
        "GMAC": None if row.gmac is None else f"{row.gmac:.4g}",
        "GFLOP/s": None if row.gflops is None else f"{row.gflops:.0f}",
        "of peak": None if row.share_of_peak is None else f"{row.share_of_peak:.0%}",
    }
    return {words: figure for words, figure in told.items() if figure is not None}


def cost_lines(row: BenchRow) -> list[str]:
    """`3.93 MB file` and so on, then the kernels."""
    return [*(f"{figure} {words}" for words, figure in costs(row).items()), *kernel_lines(row)]


def kernel_lines(row: BenchRow) -> list[str]:
    """`25 conv float32`: how many convolutions ran in which data type."""
    return [f"{count} conv {kind}" for kind, count in row.kernels.items()]


def dice(bench: BenchRecord, row: BenchRow) -> dict[str, list[str]]:
    """Of each data set the mean Dice, and how far it dropped under FP32's where there is that to compare with."""
    drops, told = bench.dice_drops(row), {}
    for data_set in row.data_sets:
        name, mean = f"{data_set.name} {data_set.split}", data_set.mean
        told[name] = ["-" if mean is None else f"{mean.dice:.4f}"]
        if name in drops:
            told[name].append(f"drop {round(drops[name], 4) + 0.0:.4f}")  # no -0.0000
    return told


def dice_lines(bench: BenchRecord, row: BenchRow) -> list[str]:
    """`drive test 0.7882`, `drop 0.0004`."""
    return [
        line
        for name, (mean, *drop) in dice(bench, row).items()
        for line in (f"{name} {mean}", *drop)
    ]


def ratio_text(ratio: float | None) -> str:
    """Against the first row: `2.13x faster`, `1.36x slower`."""
    if ratio is None or ratio <= 0:
        return ""
    if 0.995 <= ratio <= 1.005:
        return "1.00x"
    return f"{1 / ratio:.2f}x faster" if ratio < 1 else f"{ratio:.2f}x slower"


def bound_line(bound: Bound) -> str:
    """The value, its aim and whether it is reached; or why there is none. `1.55x ... (240 of 155 ms); aim ...`."""
    on = f", on {bound.note}" if bound.note else ""
    if bound.status != OK or bound.value is None or bound.cost is None or bound.yardstick is None:
        return f"{bound.name}: could not be measured ({bound.status})"
    if bound.unit == "ratio":
        found = f"{bound.value:.2f}x {bound.against} ({ms(bound.cost)} of {ms(bound.yardstick)} ms)"
        aim = f"{bound.aim:g}x"
    else:
        cost, yardstick = (f"{value / 1e6:.0f}" for value in (bound.cost, bound.yardstick))
        found = f"{bound.value / 1e6:.1f} MB above {bound.against} ({cost} over {yardstick} MB)"
        aim = f"{bound.aim / 1e6:.0f} MB"
    return f"{bound.name}: {found}{on}; aim at most {aim}: {'' if bound.reached else 'not '}reached"


def bound_lines(bench: BenchRecord) -> list[str]:
    """A heading that names the model, then a line for each; nothing where they were not measured."""
    if not bench.bounds:
        return []
    key = bench.rows[0].key
    heading = f"bounds of {key.model} in {key.runtime}, in turns with a yardstick each:"
    return [heading, *map(bound_line, bench.bounds)]
