"""Pictures of a bench, drawn by matplotlib (extra `bench`): latency against Dice, and the stages as stacked bars."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edgeseg.report import Bench, Row
from edgeseg_benchmarks.figures import STAGES

COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")
"""Tol's bright palette: told apart by people who do not see red and green apart."""
INK = "#222222"
STYLE: Any = {
    "font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#888888",
    "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "svg.fonttype": "path",
    "svg.hashsalt": "edgeseg",
}  # fmt: skip


def pictures(bench: Bench, kind: Literal["png", "svg"]) -> dict[str, tuple[str, bytes]]:
    """Name -> caption and file of each picture that the record has figures for."""
    drawn: dict[str, tuple[str, Callable[[Bench], Figure]]] = {
        "latency_dice": ("Network latency against Dice; a circle's area is the file's size", _latency_dice),
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
        return {name: (caption, _saved(draw(bench), kind)) for name, (caption, draw) in drawn.items()}


def _saved(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()


def label(row: Row, bench: Bench) -> str:
    """Short, but different from every other row's."""
    keys = [r.key for r in bench.rows]
    parts = [row.key.model, row.key.precision]
    parts += [row.key.runtime] * (len({key.runtime for key in keys}) > 1)
    parts += [f"{row.key.threads} thr."] * (len({key.threads for key in keys}) > 1)
    return " ".join(parts).replace("$", r"\$")


def _latency_dice(bench: Bench) -> Figure:
    """Dice is the mean over the data sets."""
    figure = Figure(figsize=(4.4, 3.9), layout="constrained")
    axes: Axes = figure.subplots()
    rows = [row for row in bench.rows if row.data_sets]
    points = [(row, row.network_ms.p50, dice) for row in rows if row.network_ms and (dice := _dice(row)) is not None]
    largest = max((row.file_bytes or 1 for row, _, _ in points), default=1)
    for k, (row, ms, dice) in enumerate(points):
        colour = COLOURS[k % len(COLOURS)]
        axes.scatter(ms, dice, s=40 + 700 * (row.file_bytes or 0) / largest, color=colour, alpha=0.55, lw=0)
        name = f"{label(row, bench)}, {(row.file_bytes or 0) / 1e6:.2f} MB"
        axes.scatter(ms, dice, s=9, color=colour, label=name)
    times = [ms for _, ms, _ in points]
    if times and max(times) > 8 * min(times):
        axes.set_xscale("log")
    names = list(dict.fromkeys(f"{d.name} {d.split}" for row in rows for d in row.data_sets))
    axes.set(xlabel="network alone, ms (median)", ylabel=f"mean Dice ({', '.join(names)})")
    axes.margins(0.18)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=1 if len(rows) < 5 else 2, frameon=False, fontsize=8)
    return figure


def _dice(row: Row) -> float | None:
    means = [data_set.mean.dice for data_set in row.data_sets if data_set.mean is not None]
    return sum(means) / len(means) if means else None


def _stages(bench: Bench) -> Figure:
    """A bar a row; one that takes over eight times the next is cut off and told in figures."""
    rows = [row for row in bench.rows if row.stages_ms]
    figure = Figure(figsize=(4.4, 1.4 + 0.36 * len(rows)), layout="constrained")
    axes: Axes = figure.subplots()
    wholes = [sum(row.stages_ms.values()) for row in rows]
    limit = _limit(wholes)
    for k, name in enumerate(STAGES):
        lengths = [row.stages_ms.get(name, 0.0) for row in rows]
        starts = [sum(row.stages_ms.get(s, 0.0) for s in list(STAGES)[:k]) for row in rows]
        axes.barh(range(len(rows)), lengths, left=starts, color=COLOURS[k], label=STAGES[name], height=0.62)
    for k, whole in enumerate(wholes):
        axes.text(min(whole, limit) * 1.01, k, f" {whole:.0f}", va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [label(row, bench) for row in rows])
    axes.set(xlabel="ms", xlim=(0, limit * 1.12))
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def _limit(wholes: Sequence[float]) -> float:
    """So that the reference's seconds do not press all others flat."""
    ordered = sorted(wholes)
    kept = [ordered[0]]
    for one in ordered[1:]:
        if one > 8 * kept[-1]:
            break
        kept.append(one)
    return kept[-1]
