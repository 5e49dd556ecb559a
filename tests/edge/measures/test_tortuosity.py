"""Tortuosity of arteries, compared with the ranking of an expert."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.imaging.arrays import Mask
from edgeseg.measures import measure_vessels
from edgeseg.measures.curves import Curves
from edgeseg.measures.tortuosity import measure_tortuosity


def read_arteries() -> list[npt.NDArray[np.float64]]:
    """Read the centre lines in the expert's ranking, the straightest artery first."""
    file = os.environ.get("EDGESEG_TORTUOSITY")
    if file is None or not Path(file).is_file():
        pytest.skip("EDGESEG_TORTUOSITY (arteries.csv of RET-TORT) is not set")
    table = np.genfromtxt(file, delimiter=",", skip_header=1)
    ranks = np.unique(table[:, 1])
    return [table[table[:, 1] == rank][:, 2:] for rank in ranks]


@pytest.mark.slow
def test_curvature_agrees_with_the_ranking_of_the_expert(
    draw_line: Callable[[npt.NDArray[np.float64], float, int], Mask],
) -> None:
    diameter = 1300.0
    drawn: list[float] = []
    exact: list[float] = []
    for line in read_arteries():
        curve = Curves(line, np.array([len(line)]), np.array([False]))
        exact.append(float(measure_tortuosity(curve, diameter).curvature[0]))
        mask = draw_line(line - line.min(0) + 100, 9, int(diameter))
        values = measure_vessels(mask, np.ones_like(mask)).values
        assert values is not None
        assert values.tortuosity_curvature_mean_per_px is not None
        drawn.append(values.tortuosity_curvature_mean_per_px)
    expert = np.arange(len(exact))
    from_lines, from_masks = (
        float(np.corrcoef(np.argsort(np.argsort(values)), expert)[0, 1])
        for values in (exact, drawn)
    )
    assert from_lines >= 0.90
    assert from_masks >= from_lines - 0.02
