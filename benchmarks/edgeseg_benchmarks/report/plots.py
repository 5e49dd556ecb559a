"""Plots of a benchmark (extra `bench`): Dice over latency, and a stacked bar of stages per row."""

import io
from collections.abc import Sequence
from itertools import chain, cycle
from statistics import fmean
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from edgeseg_benchmarks.record import BenchRecord, BenchRow
from edgeseg_benchmarks.report.formatting import STAGES, format_ms

# Paul Tol's bright palette. Readers with red-green colour blindness can distinguish its colours.
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")
PRECISION_COLOURS = {"fp32": "#4477aa", "fp16": "#ee6677", "fp16w": "#ccbb44", "int8": "#228833"}
MARKERS = "osD^vPX*"
CAPTIONS = {
    "latency_dice": "Network latency and Dice. The area of a point represents the file size.",
    "stages": "Median time of each stage, from file to mask. Very long bars are truncated.",
}
MAX_BAR = 3  # bars longer than this multiple of the median are truncated
INK = "#222222"
STYLE: Any = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "path",
    "svg.hashsalt": "edgeseg",
}
LEGEND: Any = {"loc": "outside lower center", "frameon": False, "fontsize": 8}
MODEL_NAME: Any = {
    "xytext": (0, 14),
    "textcoords": "offset points",
    "ha": "center",
    "weight": "bold",
    "in_layout": False,
}


def draw_plots(record: BenchRecord, kind: Literal["png", "svg"]) -> dict[str, bytes]:
    """Draw the plots, except plots without measurements.

    Args:
        record: benchmark record.
        kind: file format.

    Returns:
        Dict from name (as in `CAPTIONS`) to the content of the file.
    """
    plots: dict[str, bytes] = {}
    with mpl.rc_context(STYLE):
        if record.has_dice:
            plots["latency_dice"] = _encode(plot_latency_dice(record), kind)
        if any(row.stages_ms for row in record.rows):
            plots["stages"] = _encode(plot_stages(record), kind)
    return plots


def plot_latency_dice(record: BenchRecord) -> Figure:
    """Plot the mean Dice of the data sets, with colours for precisions and markers for runtimes."""
    figure = Figure(figsize=(4.6, 4.1), layout="constrained")
    axes: Axes = figure.subplots()
    points = _points(record)
    runtimes = dict.fromkeys(_runtime_label(row) for _, _, row in points)
    markers = dict(zip(runtimes, cycle(MARKERS)))
    largest = max((row.file_bytes or 1 for _, _, row in points), default=1)
    legend: dict[str, Any] = {}
    runtime_legend: dict[str, Any] = {}
    best: dict[str, tuple[float, float]] = {}
    for ms, dice, row in sorted(points, key=lambda point: point[1]):
        colour, marker = PRECISION_COLOURS[row.precision], markers[_runtime_label(row)]
        legend[row.precision] = {"color": colour, "marker": "o"}
        runtime_legend[_runtime_label(row)] = {"color": "#888888", "marker": marker}
        best[row.model] = (ms, dice)
        area = 30 + 500 * (row.file_bytes or 0) / largest
        axes.scatter(ms, dice, area, c=colour, marker=marker, alpha=0.45, lw=0)
        axes.scatter(ms, dice, 7, c=colour, marker=marker, lw=0)
    for model, position in best.items() if len(best) > 1 else ():
        axes.annotate(_plain(model, 28), position, **MODEL_NAME)
    _scale_time_axis(axes, [ms for ms, _, _ in points])
    names = dict.fromkeys(chain.from_iterable(row.mean_dice for row in record.rows))
    axes.set(xlabel="network alone, ms (median)", ylabel=_plain(f"Dice ({', '.join(names)})", 60))
    axes.margins(0.2)
    axes.grid(alpha=0.3)
    legend |= runtime_legend
    handles = [
        Line2D([], [], ls="", label=name, **legend[name])
        for name in (*PRECISION_COLOURS, *runtimes)
        if name in legend
    ]
    figure.legend(handles=handles, ncols=2, title=_describe_area(points), **LEGEND)
    return figure


def plot_stages(record: BenchRecord) -> Figure:
    """Plot a stacked bar per row. Very long bars are truncated and labelled with their value."""
    rows = [row for row in record.rows if row.stages_ms]
    figure = Figure(figsize=(4.6, 1.4 + 0.37 * len(rows)), layout="constrained")
    axes: Axes = figure.subplots()
    totals = [0.0] * len(rows)
    for colour, (stage, heading) in zip(COLOURS, STAGES.items(), strict=False):
        lengths = [(row.stages_ms or {}).get(stage, 0.0) for row in rows]
        axes.barh(range(len(rows)), lengths, 0.42, left=totals, color=colour, label=heading)
        totals = [total + length for total, length in zip(totals, lengths, strict=True)]
    limit = min(max(totals), MAX_BAR * sorted(totals)[len(totals) // 2])
    for k, (row, total) in enumerate(zip(rows, totals, strict=True)):
        cut = " ▸" if total > limit else ""
        axes.text(0, k - 0.26, _plain(str(row.key), 60), va="bottom", fontsize=8, in_layout=False)
        axes.text(min(total, limit), k, f" {format_ms(total)}{cut}", va="center", fontsize=8)
    axes.set(xlabel="ms", xlim=(0, limit * 1.16), ylim=(len(rows) - 0.6, -0.85), yticks=[])
    axes.spines["left"].set_visible(False)
    figure.legend(ncols=5, columnspacing=1, handlelength=1, **LEGEND)
    return figure


def _encode(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()


def _points(record: BenchRecord) -> list[tuple[float, float, BenchRow]]:
    """Return the latency in milliseconds, the mean Dice and the row of each point."""
    points = []
    for row in record.rows:
        dice = [mean for mean in row.mean_dice.values() if mean is not None]
        if row.network_ms is not None and dice:
            points.append((row.network_ms.p50, fmean(dice), row))
    return points


def _describe_area(points: Sequence[tuple[float, float, BenchRow]]) -> str:
    """Return the legend of the areas, which are proportional to the file sizes."""
    sizes = [row.file_bytes / 1e6 for _, _, row in points if row.file_bytes]
    if not sizes:
        return ""
    if min(sizes) == max(sizes):
        return f"area: size of the file ({sizes[0]:.2f} MB)"
    return f"area: size of the file ({min(sizes):.2f} to {max(sizes):.2f} MB)"


def _runtime_label(row: BenchRow) -> str:
    return f"{row.runtime}, {row.threads} thr."


def _scale_time_axis(axes: Axes, times: Sequence[float]) -> None:
    """Use a logarithmic axis with plain numbers if the times differ by a large factor."""
    if times and max(times) > 8 * min(times):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())


def _plain(text: str, longest: int) -> str:
    """Shorten a label and escape Matplotlib's formula syntax."""
    shortened = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return shortened.replace("$", r"\$")
