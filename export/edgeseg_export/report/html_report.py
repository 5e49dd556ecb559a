"""HTML report of a conversion with checks, histograms and the photographs that changed most."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgeseg.evaluation.result import EvaluationResult
from edgeseg.imaging.arrays import Probability
from edgeseg.imaging.encoder import encode_png
from edgeseg.run.results.html_page import load_template
from edgeseg_export.precision.build import ExportedFile
from edgeseg_export.verify.parity import HISTOGRAM_EDGES, WorstPhotograph

if TYPE_CHECKING:
    from jinja2 import Template


def load_report_template() -> Template:
    """Load the template of the report.

    Raises:
        SystemSetupError: jinja2 is not installed.
    """
    return load_template(Path(__file__).parent, "report.html", "--html", "html")


def render_report(
    title: str, files: Sequence[ExportedFile], references: Sequence[EvaluationResult]
) -> str:
    """Render the report as an HTML page that loads no other files.

    Args:
        title: heading of the page.
        files: files with their checks, scores and comparison with PyTorch.
        references: scores of PyTorch.

    Raises:
        SystemSetupError: jinja2 is not installed.
    """
    columns = [*references, *(file.result for file in files)]
    return load_report_template().render(
        title=title,
        files=files,
        list_bars=_list_bars,
        list_images=_list_images,
        dice_headings=[column.file or f"{column.model} PyTorch" for column in columns],
        dice_rows=_list_dice(columns),
    )


def _list_bars(histogram: npt.NDArray[np.int64]) -> Iterator[tuple[str, int, float]]:
    """List the label, the number of pixels and the length of each bar.

    The length, 0 to 1, is logarithmic, because most pixels do not differ.
    """
    longest = max(1.0, float(np.log10(1 + histogram.max())))
    for index, pixels in enumerate(histogram.tolist()):
        low, high = HISTOGRAM_EDGES[index : index + 2]
        label = f"{low:g} to {high:g}"
        if low == 0:
            label = f"up to {high:g}"
        elif np.isinf(high):
            label = "above 1 or NaN"
        yield label, pixels, float(np.log10(1 + pixels)) / longest


def _list_images(precision: str, worst: WorstPhotograph) -> list[tuple[str, str]]:
    """List caption and PNG (base64) of three maps: PyTorch, the file, and the difference."""
    difference = np.abs(worst.actual - worst.expected)
    largest = float(np.nanmax(np.nan_to_num(difference, posinf=0))) or 1.0
    return [
        ("PyTorch, FP32", _encode_probability(worst.expected)),
        (precision, _encode_probability(worst.actual)),
        (f"difference (white: {largest:.2g})", _encode_probability(difference / largest)),
    ]


def _encode_probability(probability: Probability) -> str:
    grey = (np.nan_to_num(np.clip(probability, 0, 1)) * 255).round().astype(np.uint8)
    return base64.b64encode(encode_png(grey)).decode()


def _list_dice(columns: Sequence[EvaluationResult]) -> dict[str, dict[int, float]]:
    """Return a dict from column number to Dice for each photograph."""
    rows: dict[str, dict[int, float]] = {}
    for number, column in enumerate(columns):
        for data_set in column.data_sets:
            for photograph in data_set.photographs:
                row = rows.setdefault(f"{data_set.name} {photograph.name}", {})
                if photograph.dice is not None:
                    row[number] = photograph.dice
    return rows
