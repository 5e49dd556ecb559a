"""Mask files: black and white, class numbers, and class numbers with an ignore value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.datasets.mask_values import MaskValues, decode_mask_values

# Rows of the test mask: background, first class, second class, ignore value.
ROWS = (60, 20, 10, 10)


def decode_rows(*values: int) -> MaskValues:
    """Decode a mask of 100 rows. The first value is in the first 60 rows."""
    column = np.repeat(np.array(values, np.uint8), ROWS[: len(values)])
    return decode_mask_values(np.tile(column[:, None, None], (1, 30, 3)))


def marked_rows(values: MaskValues) -> list[int]:
    rows: list[int] = np.flatnonzero(values.marked[:, 0]).tolist()
    return rows


@pytest.mark.parametrize(
    ("stored", "marked", "classes"),
    [
        ((0, 255), range(60, 80), ()),
        ((3, 253), range(60, 80), ()),
        ((0, 1), range(60, 80), ()),
        ((0, 128, 255), range(60, 90), ()),
        ((0, 2), range(60, 80), (0, 2)),
        ((0, 100), range(60, 80), (0, 100)),
        ((1, 2), range(60, 80), (1, 2)),
        ((0, 1, 2), range(60, 90), (0, 1, 2)),
        ((0, 1, 2, 3), range(60, 100), (0, 1, 2, 3)),
    ],
)
def test_decode_mask_values_marks_vessels(
    stored: tuple[int, ...], marked: range, classes: tuple[int, ...]
) -> None:
    values = decode_rows(*stored)
    assert marked_rows(values) == list(marked)
    assert values.classes == classes
    assert values.ignored is None
    assert bool(values.describe_classes()) == bool(classes)


@pytest.mark.parametrize("stored", [(0, 1, 2, 255), (1, 2, 3, 255), (0, 5, 20, 255)])
def test_decode_mask_values_ignores_255_next_to_class_numbers(stored: tuple[int, ...]) -> None:
    values = decode_rows(*stored)
    assert marked_rows(values) == list(range(60, 90))
    assert values.ignored is not None
    assert np.flatnonzero(values.ignored[:, 0]).tolist() == list(range(90, 100))
    assert "255" in values.describe_classes()


def test_decode_mask_values_marks_255_next_to_rounding_errors() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[40:50] = 255
    image[0, :20] = 1
    values = decode_mask_values(image)
    assert marked_rows(values) == list(range(40, 50))
    assert values.ignored is None
    assert values.classes == ()


def test_decode_mask_values_counts_grey_pixels() -> None:
    assert decode_rows(0, 255).grey_share == 0
    assert decode_rows(0, 128, 255).grey_share == pytest.approx(20 / 90)


@given(st.lists(st.integers(0, 255), min_size=1, max_size=6))
def test_decode_mask_values_never_marks_background_or_ignored(values: list[int]) -> None:
    image = np.repeat(np.array(values, np.uint8)[:, None, None], 3, axis=2)
    decoded = decode_mask_values(image)
    assert set(np.unique(decoded.marked)) <= {0, 255}
    if len(set(values)) > 1 and min(values) <= 127:
        assert not decoded.marked[np.array(values) == min(values)].any()
    if decoded.ignored is not None:
        assert not (decoded.marked & decoded.ignored).any()
