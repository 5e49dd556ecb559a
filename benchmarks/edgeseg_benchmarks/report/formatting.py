"""Formatting of measurements for the table and the page."""

from msgspec.structs import asdict

from edgeseg_benchmarks.record import BenchRecord, BenchRow, Latency

# Headings of the stages.
STAGES = {
    "decode": "decode",
    "field_of_view": "field of view",
    "preprocess": "preprocess",
    "infer": "infer",
    "postprocess": "postprocess",
}
# Attribute of the row, factor and format for each cost.
COSTS = {
    "file": ("file_bytes", 1e-6, "{:.2f} MB"),
    "memory": ("peak_rss_bytes", 1e-6, "{:.0f} MB"),
    "cold start": ("cold_start_ms", 1e-3, "{:.2f} s"),
    "GMAC": ("gmac", 1, "{:.4g}"),
    "GFLOP/s": ("gflops", 1, "{:.0f}"),
    "of peak": ("share_of_peak", 1, "{:.0%}"),
}


def format_ms(value: float) -> str:
    """Return milliseconds with three significant digits."""
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def format_latency(latency: Latency | None, ratio: float | None) -> list[str]:
    """Return the percentiles (`p50 41.2`, ...) and the ratio to the first row."""
    values = {} if latency is None else asdict(latency)
    return [*(f"{name} {format_ms(value)}" for name, value in values.items()), format_ratio(ratio)]


def cost_values(row: BenchRow) -> dict[str, str]:
    """Return a dict from cost (file size, memory, cold start, throughput) to its value as text."""
    values: dict[str, str] = {}
    for name, (attribute, factor, template) in COSTS.items():
        value = getattr(row, attribute)
        if value is not None:
            values[name] = template.format(value * factor)
    return values


def dice_values(record: BenchRecord, row: BenchRow) -> dict[str, list[str]]:
    """Return a dict from data set (`NAME SPLIT`) to mean Dice and drop relative to FP32."""
    drops = record.dice_drops(row)
    values: dict[str, list[str]] = {}
    for name, mean in row.mean_dice.items():
        values[name] = ["-" if mean is None else f"{mean:.4f}"]
        if name in drops:
            values[name].append(f"drop {round(drops[name], 4) + 0.0:.4f}")  # not -0.0000
    return values


def format_ratio(ratio: float | None) -> str:
    """Return the time relative to the first row as `2.13x faster`, `1.36x slower` or `1.00x`.

    The result is "" if the ratio is unknown.
    """
    if ratio is None or ratio <= 0:
        return ""
    if 0.995 <= ratio <= 1.005:
        return "1.00x"
    return f"{1 / ratio:.2f}x faster" if ratio < 1 else f"{ratio:.2f}x slower"
