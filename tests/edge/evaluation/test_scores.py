"""Writing of scores to JSON, and reading from JSON."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.evaluation.scores import (
    HEADINGS,
    STRUCTURE_HEADINGS,
    DataSetScores,
    PhotographScores,
    Scores,
    StructureScores,
)

share = st.floats(0, 1)
optional = st.none() | share
all_scores = st.builds(Scores, *[share] * 5, *[optional] * 5)
GOOD = Scores(0.8, 2 / 3, 0.95, 0.75, 0.98, 0.97)
FAILED = PhotographScores("02", status="02.tif: truncated")
DATA_SET = DataSetScores("drive", "test", (PhotographScores.from_scores("01", GOOD), FAILED))


def test_headings_are_the_fields_of_scores() -> None:
    assert (*HEADINGS, *STRUCTURE_HEADINGS) == Scores.__struct_fields__
    assert tuple(STRUCTURE_HEADINGS) == StructureScores.__struct_fields__


def test_failed_photograph_has_no_scores_and_is_excluded_from_the_mean() -> None:
    assert FAILED.scores is None
    assert (len(DATA_SET.scored), DATA_SET.failed, DATA_SET.mean) == (1, 1, GOOD)


def test_failed_photograph_is_written_with_null_scores() -> None:
    assert msgspec.to_builtins(FAILED) == {
        "name": "02",
        **dict.fromkeys(Scores.__struct_fields__),
        "status": "02.tif: truncated",
    }


def test_mean_without_scored_photographs_is_none() -> None:
    data_set = DataSetScores("drive", "test", (FAILED,))
    assert data_set.mean is None
    assert data_set.to_dict()["dice_mean"] is None


@given(st.lists(all_scores, min_size=1, max_size=8))
def test_mean_is_within_its_scores_and_independent_of_order(scores: list[Scores]) -> None:
    photographs = [PhotographScores.from_scores(str(k), s) for k, s in enumerate(scores)]
    mean = DataSetScores("drive", "test", tuple(photographs)).mean
    assert mean is not None
    assert mean == DataSetScores("drive", "test", tuple(photographs[::-1])).mean
    for name in Scores.__struct_fields__:
        values = [getattr(s, name) for s in scores if getattr(s, name) is not None]
        value = getattr(mean, name)
        if values:
            assert min(values) - 1e-15 <= value <= max(values) + 1e-15
            assert math.isfinite(value)
        else:
            assert value is None


@given(st.lists(all_scores, max_size=4))
def test_json_of_a_data_set_is_read_back(scores: list[Scores]) -> None:
    photographs = [PhotographScores.from_scores(str(k), s) for k, s in enumerate(scores)]
    data_set = DataSetScores("drive", "test", (*photographs, FAILED))
    text = json.dumps(data_set.to_dict(), allow_nan=False)
    assert msgspec.json.decode(text, type=DataSetScores) == data_set


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"dice": 1.5}, "$.photographs[0].dice"),
        ({"auc": -0.1}, "$.photographs[0].auc"),
        ({"iou": "0.5"}, "$.photographs[0].iou"),
        ({"accuracy": None}, "$.photographs[0]"),
        ({"name": "a" * 2001}, "$.photographs[0].name"),
        ({"name": "02"}, "same name"),
        ({"status": 3}, "$.photographs[0].status"),
    ],
)
def test_json_invalid_photograph_is_rejected_with_its_position(
    changes: dict[str, object], place: str
) -> None:
    values = DATA_SET.to_dict()
    photograph = msgspec.to_builtins(DATA_SET.photographs[0])
    values["photographs"] = [photograph | changes, msgspec.to_builtins(FAILED)]
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.json.decode(json.dumps(values), type=DataSetScores)
    assert place in str(error.value)


def test_scores_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        GOOD.dice = 1.0  # type: ignore[misc]
