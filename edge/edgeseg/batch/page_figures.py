"""Distributions and outliers of a column, for the cohort page."""

from array import array
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_BINS = 32
_OUTLIER_SCORE = 3.5  # in robust standard deviations (Iglewicz and Hoaglin 1993)
_MAD_TO_DEVIATION = 1.4826  # standard deviation / MAD of a normal distribution
_MAX_OUTLIERS = 6


class Bar(NamedTuple):
    """Bar of a histogram: left edge and height in percent of the chart."""

    x: float
    height: float


class Outlier(NamedTuple):
    """Record with an unusual value in one column.

    Attributes:
        row: number of the record, from 0.
        value: unusual value.
        score: signed distance from the median in robust standard deviations.
    """

    row: int
    value: float
    score: float


class Distribution(NamedTuple):
    """Distribution of a column.

    Attributes:
        name: name of the column.
        definition: definition and unit of the column.
        values: number of values.
        quantiles: minimum, 5th percentile, median, 95th percentile and maximum.
        bars: histogram from `low` to `high`; the first and last bars also include the values
            outside this range.
        low: left edge of the histogram.
        high: right edge of the histogram.
        outliers: unusual values, the most unusual first.
    """

    name: str
    definition: str
    values: int
    quantiles: tuple[float, ...]
    bars: tuple[Bar, ...]
    low: float
    high: float
    outliers: tuple[Outlier, ...]


class ColumnValues:
    """Values of a column with the numbers of their records."""

    def __init__(self) -> None:
        self._values = array("d")
        self._rows = array("q")

    def add(self, row: int, value: float) -> None:
        """Add the value of a record."""
        self._rows.append(row)
        self._values.append(value)

    def distribution(self, name: str, definition: str) -> Distribution | None:
        """Return the distribution, or None if there are no values."""
        if not self._values:
            return None
        values = np.frombuffer(self._values, np.float64)
        rows = np.frombuffer(self._rows, np.int64)
        quantiles = np.quantile(values, (0, 0.05, 0.5, 0.95, 1))
        low, high = np.quantile(values, (0.005, 0.995))
        if low == high:
            low, high = low - 0.5, high + 0.5
        counts, _ = np.histogram(np.clip(values, low, high), _BINS, (low, high))
        heights = 100 * counts / counts.max()
        bars = tuple(
            Bar(100 * index / _BINS, float(height))
            for index, height in enumerate(heights)
            if height
        )
        return Distribution(
            name, definition, len(values), tuple(map(float, quantiles)), bars,
            float(low), float(high), _find_outliers(rows, values, float(quantiles[2])),
        )  # fmt: skip


def _find_outliers(
    rows: npt.NDArray[np.int64], values: npt.NDArray[np.float64], median: float
) -> tuple[Outlier, ...]:
    deviation = _MAD_TO_DEVIATION * float(np.median(np.abs(values - median)))
    if deviation == 0:
        return ()
    scores = (values - median) / deviation
    order = np.argsort(-np.abs(scores), kind="stable")[:_MAX_OUTLIERS]
    found: list[Outlier] = []
    for index in order:
        if abs(scores[index]) > _OUTLIER_SCORE:
            found.append(Outlier(int(rows[index]), float(values[index]), float(scores[index])))
    return tuple(found)
