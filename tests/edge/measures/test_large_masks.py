"""Measurements of large masks in bands, and their memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.evaluation.structure import compare_structure
from edgeseg.imaging.arrays import Mask
from edgeseg.measures import curves, image_rows, measure_vessels, network
from edgeseg.measures.distances import DistanceMap
from edgeseg.synthetic import generate_photo

EYE = generate_photo(4, 500)


def use_bands(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(image_rows, "_MAX_WHOLE_PIXELS", 1)
    monkeypatch.setattr(image_rows, "_BAND_ROWS", rows)


@pytest.mark.parametrize("rows", [7, 100])
def test_measure_vessels_in_bands_equals_all_rows_at_once(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    probability = np.asarray(cv2.GaussianBlur(EYE.truth, (0, 0), 1) / 255, np.float32)
    expected = measure_vessels(EYE.truth, EYE.fov, probability), measure_vessels(EYE.truth, EYE.fov)
    use_bands(monkeypatch, rows)
    monkeypatch.setattr(curves, "_GROUP_POINTS", 500)
    measured = measure_vessels(EYE.truth, EYE.fov, probability), measure_vessels(EYE.truth, EYE.fov)
    assert measured == expected
    for now, before in zip(measured, expected, strict=True):
        assert now.network is not None
        assert before.network is not None
        np.testing.assert_array_equal(now.network.widths, before.network.widths)


def test_distance_map_in_bands_equals_whole_map_for_wide_vessels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mask: Mask = np.zeros((900, 400), np.uint8)
    cv2.ellipse(mask, (200, 450), (150, 350), 10, 0, 360, 255, -1)
    rows, columns = (positions.ravel() for positions in np.indices(mask.shape))
    expected = DistanceMap(mask).at(rows, columns)
    use_bands(monkeypatch, 50)
    np.testing.assert_array_equal(DistanceMap(mask).at(rows, columns), expected)


def test_mask_with_too_long_skeleton_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MAX_SKELETON_PIXELS", 1000)
    measures = measure_vessels(EYE.truth, EYE.fov)
    assert (measures.status, measures.values, measures.network) == ("not_vessels", None, None)
    assert compare_structure(EYE.truth, EYE.truth, EYE.fov) is None


@pytest.mark.slow
def test_measure_of_a_large_mask_requires_less_than_a_gigabyte(
    tmp_path: Path, run_and_measure_memory: Callable[..., tuple[str, int]]
) -> None:
    side = 10_000
    mask: Mask = np.zeros((side, side), np.uint8)
    for position in range(150, side, 300):
        cv2.line(mask, (position, 0), (side - position, side), 255, 12)
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    code = (
        "import sys; from edgeseg.commands.measure import measure; "
        "measure(sys.argv[1:], standalone_mode=False)"
    )
    arguments = ("mask.png", "--measures-overlay", "overlays", "--json")
    record, peak = run_and_measure_memory(code, *arguments)
    assert '"measures_status":"ok"' in record
    assert peak < 1_000_000
