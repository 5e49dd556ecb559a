"""Pictures of a bench, drawn by matplotlib (extra `bench`): latency against Dice, and the stages as stacked bars."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.row import BenchRow
from edgeseg_benchmarks.report.formatting import STAGES, ms

COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")
"""Tol's bright palette: told apart by people who do not see red and green apart."""
PRECISIONS = {"fp32": "#4477aa", "fp16": "#ee6677", "fp16w": "#ccbb44", "int8": "#228833"}
SHAPES = "osD^vPX*"
FAR = 3
"""A bar so many times as long as the next is cut off."""
LONGEST_NAME = 28
INK = "#222222"
STYLE: Any = {
    "font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#888888",
    "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "svg.fonttype": "path",
    "svg.hashsalt": "edgeseg",
}  # fmt: skip


def draw_plots(bench: BenchRecord, kind: Literal["png", "svg"]) -> dict[str, tuple[str, bytes]]:
    """Name -> caption and file of each picture that the record has figures for."""
    drawn: dict[str, tuple[str, Callable[[BenchRecord], Figure]]] = {
        "latency_dice": (
            "Network latency against Dice; the area is the file's size",
            _latency_dice,
        ),
        "stages": (
            "From the file's bytes to the mask, median of each stage; bars far longer than the rest are cut off",
            _stages,
        ),
    }
    if not any(row.data_sets for row in bench.rows):
        del drawn["latency_dice"]
    if not any(row.stages_ms for row in bench.rows):
        del drawn["stages"]
    with mpl.rc_context(STYLE):
        return {
            name: (caption, _saved(draw(bench), kind)) for name, (caption, draw) in drawn.items()
        }


def _saved(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()


def label(row: BenchRow, bench: BenchRecord) -> str:
    """Short, but it tells all in which rows differ; a long name of a model is cut."""
    keys = [r.key for r in bench.rows]
    parts = [_plain(row.key.model, LONGEST_NAME), row.key.precision]
    parts += [row.key.runtime] * (len({key.runtime for key in keys}) > 1)
    parts += [f"{row.key.threads} thr."] * (len({key.threads for key in keys}) > 1)
    return " ".join(parts)


def _latency_dice(bench: BenchRecord) -> Figure:
    """Dice is the mean over the data sets; a colour is a precision, a shape what it ran in, a word the model."""
    figure = Figure(figsize=(4.6, 4.1), layout="constrained")
    axes: Axes = figure.subplots()
    rows = [row for row in bench.rows if row.data_sets]
    points = [
        Point(row, row.network_ms.p50, dice)
        for row in rows
        if row.network_ms and (dice := _dice(row)) is not None
    ]
    largest = max((point.row.file_bytes or 1 for point in points), default=1)
    shapes = dict(zip(dict.fromkeys(_ran_in(point.row, bench) for point in points), cycle(SHAPES)))
    for point in points:
        colour, shape = (
            PRECISIONS.get(point.row.key.precision, INK),
            shapes[_ran_in(point.row, bench)],
        )
        area = 30 + 500 * (point.row.file_bytes or 0) / largest
        axes.scatter(point.ms, point.dice, s=area, color=colour, marker=shape, alpha=0.45, lw=0)
        axes.scatter(point.ms, point.dice, s=7, color=colour, marker=shape, lw=0)
    _name_models(axes, points)
    _time_axis(axes, [point.ms for point in points])
    names = list(dict.fromkeys(f"{d.name} {d.split}" for row in rows for d in row.data_sets))
    axes.set(
        xlabel="network alone, ms (median)", ylabel=_plain(f"mean Dice ({', '.join(names)})", 60)
    )
    axes.margins(0.2)
    axes.grid(alpha=0.3)
    seen = dict.fromkeys(point.row.key.precision for point in points)
    keys = [
        Line2D([], [], ls="", marker="o", color=PRECISIONS.get(name, INK), label=name)
        for name in seen
    ]
    keys += [
        Line2D([], [], ls="", marker=shape, color="#888888", label=name)
        for name, shape in shapes.items()
    ]
    columns = 4 if max(map(len, shapes), default=0) < 13 else 2
    figure.legend(
        handles=keys, loc="outside lower center", ncols=columns, frameon=False, fontsize=8
    )
    return figure


class Point(NamedTuple):
    """A row where it stands."""

    row: BenchRow
    ms: float
    dice: float


def _ran_in(row: BenchRow, bench: BenchRecord) -> str:
    """The runtime, with its threads where they differ."""
    several = len({each.key.threads for each in bench.rows}) > 1
    return f"{row.key.runtime}, {row.key.threads} thr." if several else row.key.runtime


def _name_models(axes: Axes, points: Sequence[Point]) -> None:
    """Each model's name once, above the best of its rows."""
    models = dict.fromkeys(point.row.key.model for point in points)
    for model in models if len(models) > 1 else ():
        best = max((p for p in points if p.row.key.model == model), key=lambda point: point.dice)
        axes.annotate(
            _plain(model, LONGEST_NAME), (best.ms, best.dice), xytext=(0, 14), textcoords="offset points", ha="center",
            fontsize=9, weight="bold", in_layout=False,
        )  # fmt: skip


def _time_axis(axes: Axes, times: Sequence[float]) -> None:
    """Logarithmic where times lie far apart, with plain numbers on it."""
    if times and max(times) > 8 * min(times):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())


def _plain(text: str, most: int) -> str:
    """Short, and no formula."""
    return (text if len(text) <= most else f"{text[: most - 1]}…").replace("$", r"\$")


def _dice(row: BenchRow) -> float | None:
    means = [data_set.mean.dice for data_set in row.data_sets if data_set.mean is not None]
    return sum(means) / len(means) if means else None


def _stages(bench: BenchRecord) -> Figure:
    """A bar a row, its name above it; one that takes far longer than the next is cut off and told in figures."""
    rows = [row for row in bench.rows if row.stages_ms]
    figure = Figure(figsize=(4.6, 1.4 + 0.37 * len(rows)), layout="constrained")
    axes: Axes = figure.subplots()
    wholes = [sum(row.stages_ms.values()) for row in rows]
    limit = _limit(wholes)
    for k, name in enumerate(STAGES):
        lengths = [row.stages_ms.get(name, 0.0) for row in rows]
        starts = [sum(row.stages_ms.get(s, 0.0) for s in list(STAGES)[:k]) for row in rows]
        axes.barh(
            range(len(rows)),
            lengths,
            left=starts,
            color=COLOURS[k],
            label=STAGES[name],
            height=0.42,
        )
    for k, (row, whole) in enumerate(zip(rows, wholes, strict=True)):
        axes.text(0, k - 0.26, label(row, bench), va="bottom", fontsize=8, in_layout=False)
        axes.text(
            min(whole, limit) * 1.01,
            k,
            f" {ms(whole)}{' ▸' if whole > limit else ''}",
            va="center",
            fontsize=8,
        )
    axes.set(xlabel="ms", xlim=(0, limit * 1.16), ylim=(len(rows) - 0.6, -0.85), yticks=[])
    axes.spines["left"].set_visible(False)
    figure.legend(
        loc="outside lower center",
        ncols=5,
        frameon=False,
        fontsize=8,
        columnspacing=1,
        handlelength=1,
    )
    return figure


def _limit(wholes: Sequence[float]) -> float:
    """So that the reference's seconds do not press all others flat."""
    ordered = sorted(wholes)
    kept = [ordered[0]]
    for one in ordered[1:]:
        if one > FAR * kept[-1]:
            break
        kept.append(one)
    return kept[-1]
