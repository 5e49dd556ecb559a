"""The comparison of altered photographs: alterations, Dice of both masks, and the table."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

import altered_photographs
from alterations import WHITE, add_margin, compose, draw_frame_line, list_alterations
from edgeseg.imaging.arrays import Box
from edgeseg.synthetic import generate_photo


def test_list_alterations_places_original_inside_altered_photograph() -> None:
    photo = generate_photo(1, 256).photo
    for name, alter in list_alterations():
        altered = alter(photo)
        part = altered.photo[altered.place.rows, altered.place.columns]
        assert part.shape == photo.shape, name
        assert (part == photo).all(axis=2).mean() > 0.5 or not altered.is_painted, name
        assert altered.photo.shape != photo.shape or not np.array_equal(part, photo), name


def test_draw_frame_line_paints_only_the_line() -> None:
    photo = np.zeros((40, 50, 3), np.uint8)
    line = draw_frame_line(WHITE, 2, 3, photo).photo.max(axis=2) > 0
    assert line.sum() == 2 * (2 * (50 - 6) + 2 * (40 - 6 - 4))
    assert not line[:3].any()
    assert line[3:5, 3:-3].all()


def test_compose_places_photographs_in_rows() -> None:
    photos = [
        add_margin((0, 0, 0, width), WHITE, np.ones((4, 5, 3), np.uint8)).photo
        for width in (0, 3, 1)
    ]
    composed = compose(photos, 2, 1)
    assert composed.places == (Box(0, 0, 5, 4), Box(6, 0, 8, 4), Box(0, 5, 6, 4))
    assert composed.photo.shape == (9, 14, 3)


@pytest.mark.slow
def test_altered_photographs_of_synthetic_pair_agree_with_originals() -> None:
    arguments = ["--data", "synthetic:2", "--photographs", "1", "--kind", "white margin"]
    result = CliRunner().invoke(altered_photographs.main, arguments)
    assert result.exit_code == 0, result.output
    rows = [line.split("|")[1:-1] for line in result.output.splitlines()[2:]]
    assert {row[1].strip() for row in rows} == {"white margin", "white margin on one side"}
    for row in rows:
        assert int(row[3]) == 0
        assert float(row[4]) > 0.95
        assert abs(float(row[5])) < 0.005
        assert int(row[6]) == 0
