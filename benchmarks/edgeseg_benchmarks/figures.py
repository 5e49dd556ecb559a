"""A row's figures as text: the one place that decides units and digits for table, page and CSV."""

from __future__ import annotations

from edgeseg.report import Bench, Latency, Row

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


def latencies(latency: Latency | None) -> list[str]:
    """`p50 41.2` and so on, the shortest last."""
    if latency is None:
        return []
    told = {"p50": latency.p50, "p90": latency.p90, "p95": latency.p95, "min": latency.min}
    return [f"{name} {ms(value)}" for name, value in told.items()]


def stage_lines(row: Row) -> list[str]:
    """Median of each stage."""
    return [f"{STAGES.get(name, name)} {ms(value)}" for name, value in row.stages_ms.items()]


def cost_lines(row: Row) -> list[str]:
    """File, memory, cold start, arithmetic."""
    told = [
        None if row.file_bytes is None else f"{row.file_bytes / 1e6:.2f} MB file",
        None if row.peak_rss_bytes is None else f"{row.peak_rss_bytes / 1e6:.0f} MB memory",
        None if row.cold_start_ms is None else f"{row.cold_start_ms / 1e3:.2f} s cold start",
        None if row.gmac is None else f"{row.gmac:.4g} GMAC",
        None if row.gflops is None else f"{row.gflops:.0f} GFLOP/s",
        None if row.share_of_peak is None else f"{row.share_of_peak:.0%} of peak",
    ]
    return [*filter(None, told), *kernel_lines(row)]


def kernel_lines(row: Row) -> list[str]:
    """`25 conv float32`: how many convolutions ran in which data type."""
    return [f"{count} conv {kind}" for kind, count in row.kernels.items()]


def dice_lines(bench: Bench, row: Row) -> list[str]:
    """Mean Dice of each data set, and below it how far it dropped under FP32's."""
    drops, lines = bench.dice_drops(row), []
    for data_set in row.data_sets:
        name, mean = f"{data_set.name} {data_set.split}", data_set.mean
        lines.append(f"{name} -" if mean is None else f"{name} {mean.dice:.4f}")
        if name in drops:
            lines.append(f"drop {round(drops[name], 4) + 0.0:.4f}")  # no -0.0000
    return lines


def ratio_text(ratio: float | None) -> str:
    """Against the first row: `2.13x faster`, `1.36x slower`."""
    if ratio is None or ratio <= 0:
        return ""
    if 0.995 <= ratio <= 1.005:
        return "1.00x"
    return f"{1 / ratio:.2f}x faster" if ratio < 1 else f"{ratio:.2f}x slower"
