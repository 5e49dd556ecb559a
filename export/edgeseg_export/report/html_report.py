"""One self-contained HTML page of a conversion: tables, how probabilities differ, and the worst photograph."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
import numpy.typing as npt

from edgeseg.evaluation.result import Check, EvaluationResult
from edgeseg.imaging.arrays import Probability
from edgeseg.imaging.photo import encode_png
from edgeseg_export.verify.parity import EDGES, ParityReport

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222 }
.wide { overflow-x: auto; margin: 0.5em 0 1.5em } table { border-collapse: collapse }
th, td { padding: 0.2em 0.8em; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.failed { background: #fde2e0 } h1, h2 { overflow-wrap: anywhere } h2 { margin-top: 2em }
figure { display: inline-block; vertical-align: top; width: 31%; margin: 0.5% } img { width: 100% }
svg { width: 100%; max-width: 40em } rect { fill: #4477aa } text { font-size: 11px }
@media (max-width: 40em) { table { font-size: 13px } th, td { padding: 0.2em 0.35em } }
"""

NUMBER = re.compile(r"-?\d[\d.]*(e[-+]\d+)?|-?inf|nan")

Section = tuple[EvaluationResult, ParityReport | None]


def render_report(
    title: str, sections: Sequence[Section], references: Sequence[EvaluationResult]
) -> str:
    """The page; loads nothing from anywhere.

    Args:
        title: heading.
        sections: each file's evidence, and what was measured against PyTorch (None where it could not be computed).
        references: what the PyTorch network scored.
    """
    body = "\n".join(
        (
            _summary(sections),
            *map(_section, sections),
            _scores([*references, *(e for e, _ in sections)]),
        )
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def _summary(sections: Sequence[Section]) -> str:
    rows = [
        _row(
            [
                e.file,
                e.precision,
                f"{e.file_bytes / 1e6:.2f}",
                "published" if e.passed else "failed",
            ],
            e.passed,
        )
        for e, _ in sections
    ]
    return _table(["file", "precision", "MB", ""], rows)


def _section(section: Section) -> str:
    evidence, measured = section
    rows = [_row(_cells(check), check.passed) for check in evidence.checks]
    checks = _table(["check", "value", "limit", "passed", "on"], rows)
    pictures = (
        ""
        if measured is None
        else _histogram(measured.histogram) + _worst(evidence.precision, measured)
    )
    return f"<h2>{escape(evidence.file)}</h2>\n{checks}\n{pictures}"


def _cells(check: Check) -> list[str]:
    numbers = ["" if number is None else f"{number:.3g}" for number in (check.value, check.limit)]
    return [check.name, *numbers, "yes" if check else "NO", check.note]


def _scores(records: Sequence[EvaluationResult]) -> str:
    """Dice of each photograph, a column a file."""
    names = [
        (d.name, p.name) for record in records[:1] for d in record.data_sets for p in d.photographs
    ]
    if not names:
        return ""
    columns = [_dice_of(record) for record in records]
    rows = [
        _row(
            [f"{d} {name}", *(f"{c[d, name]:.4f}" if (d, name) in c else "" for c in columns)], True
        )
        for d, name in names
    ]
    headings = [record.file or f"{record.model} PyTorch" for record in records]
    return f"<h2>Dice</h2>\n{_table(['photograph', *headings], rows)}"


def _dice_of(record: EvaluationResult) -> dict[tuple[str, str], float]:
    return {
        (data_set.name, photograph.name): photograph.scores.dice
        for data_set in record.data_sets
        for photograph in data_set.photographs
        if photograph.scores is not None
    }


def _table(headings: Sequence[str], rows: Sequence[str]) -> str:
    """In a box of its own, which a telephone scrolls sideways where it must."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    return f'<div class="wide"><table><tr>{head}</tr>\n' + "\n".join(rows) + "</table></div>"


def _row(cells: Sequence[str], passed: bool) -> str:
    kind = "" if passed else ' class="failed"'
    return (
        f"<tr{kind}>"
        + "".join(f"<td{_number(cell)}>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
    )


def _number(cell: str) -> str:
    return ' class="number"' if NUMBER.fullmatch(cell) else ""


def _histogram(pixels: npt.NDArray[np.int64]) -> str:
    """Pixels by difference of probability, a bar each and logarithmic: most differ by nothing."""
    highest = max(1.0, float(np.log10(1 + pixels.max())))
    bars = "".join(_bar(k, int(n), float(np.log10(1 + n)) / highest) for k, n in enumerate(pixels))
    caption = "Pixels by |probability - PyTorch's| (logarithmic)"
    return f'<h3>{escape(caption)}</h3><svg viewBox="0 0 440 {20 * len(pixels)}" role="img">{bars}</svg>'


def _bar(k: int, pixels: int, share: float) -> str:
    low, high = EDGES[k], EDGES[k + 1]
    label = (
        "above 1 or NaN"
        if np.isinf(high)
        else f"up to {high:g}"
        if low == 0
        else f"{low:g} to {high:g}"
    )
    top, width = 20 * k, 260 * share
    return (
        f'<text x="0" y="{top + 13}">{label}</text><rect x="105" y="{top + 2}" width="{width:.1f}" height="15"/>'
        f'<text x="{110 + width:.1f}" y="{top + 13}">{pixels:,}</text>'
    )


def _worst(precision: str, measured: ParityReport) -> str:
    worst = measured.worst
    difference = np.abs(worst.found - worst.expected)
    largest = float(np.nanmax(np.nan_to_num(difference, posinf=0))) or 1.0
    pictures = (
        ("PyTorch, FP32", worst.expected),
        (precision, worst.found),
        (f"difference, white is {largest:.2g}", (difference / largest).astype(np.float32)),
    )
    return f"<h3>Worst photograph: {escape(worst.name)}, in the field of view</h3>\n" + "".join(
        _figures(pictures)
    )


def _figures(pictures: Sequence[tuple[str, Probability]]) -> Iterator[str]:
    for caption, probability in pictures:
        grey = (np.nan_to_num(np.clip(probability, 0, 1)) * 255).round().astype(np.uint8)
        data = base64.b64encode(encode_png(grey)).decode()
        yield (
            f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )
