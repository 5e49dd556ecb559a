from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edgeseg.evaluation.result import EvaluationResult
from edgeseg.evaluation.scores import HEADINGS, DataSetScores, PhotographScores, Scores

share = st.floats(0, 1)
scores = st.builds(Scores, share, share, share, share, share, st.none() | share)
GOOD = Scores(0.8, 2 / 3, 0.95, 0.75, 0.98, 0.97)
BAD = Scores(0.4, 0.25, 0.9, 0.3, 0.96, None)


def _evidence(*photographs: PhotographScores, model: str = "default") -> EvaluationResult:
    data_set = DataSetScores("drive", "test", photographs)
    return EvaluationResult(model, "fp32", "onnxruntime", "native", 0.4, (data_set,))


def _printed(evidence: EvaluationResult, width: int = 80) -> str:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(evidence.to_tables())
    return capture.get()


def test_json_is_the_contract() -> None:
    evidence = _evidence(PhotographScores("01", GOOD), PhotographScores("02", BAD))
    assert json.loads(json.dumps(evidence.to_dict(), allow_nan=False)) == {
        "model": "default",
        "precision": "fp32",
        "runtime": "onnxruntime",
        "protocol": "native",
        "data_sets": [
            {
                "name": "drive",
                "split": "test",
                "scored": 2,
                "failed": 0,
                "dice_mean": pytest.approx(0.6),
                "iou_mean": pytest.approx((2 / 3 + 0.25) / 2),
                "accuracy_mean": pytest.approx(0.925),
                "sensitivity_mean": pytest.approx(0.525),
                "specificity_mean": pytest.approx(0.97),
                "auc_mean": pytest.approx(0.97),
                "photographs": [
                    {
                        "name": "01",
                        "dice": 0.8,
                        "iou": 2 / 3,
                        "accuracy": 0.95,
                        "sensitivity": 0.75,
                        "specificity": 0.98,
                        "auc": 0.97,
                        "status": "ok",
                    },
                    {
                        "name": "02",
                        "dice": 0.4,
                        "iou": 0.25,
                        "accuracy": 0.9,
                        "sensitivity": 0.3,
                        "specificity": 0.96,
                        "auc": None,
                        "status": "ok",
                    },
                ],
            }
        ],
    }


def test_a_photograph_without_scores_is_told_and_left_out_of_the_mean() -> None:
    failed = PhotographScores("02", None, "02.tif: cut off")
    evidence = _evidence(PhotographScores("01", GOOD), failed)
    (data_set,) = evidence.data_sets
    assert (len(data_set.scored), data_set.failed, data_set.mean) == (1, 1, GOOD)
    assert failed.to_dict() == {
        "name": "02",
        **dict.fromkeys(HEADINGS),
        "status": "02.tif: cut off",
    }
    assert "1 of 2" in _printed(evidence)


def test_without_any_score_there_is_no_mean() -> None:
    evidence = _evidence(PhotographScores("01", None, "cut off"))
    assert evidence.data_sets[0].mean is None
    assert evidence.data_sets[0].to_dict()["dice_mean"] is None
    assert "0 of 1" in _printed(evidence)


@given(st.lists(scores, min_size=1, max_size=8))
def test_a_mean_lies_within_its_scores_and_does_not_know_their_order(each: list[Scores]) -> None:
    one, two = (
        DataSetScores(
            "drive", "test", tuple(PhotographScores(str(i), s) for i, s in enumerate(order))
        ).mean
        for order in (each, each[::-1])
    )
    assert one is not None
    assert one == two
    for score in HEADINGS:
        values = [v for v in (getattr(s, score) for s in each) if v is not None]
        mean = getattr(one, score)
        assert (mean is None) if not values else min(values) - 1e-15 <= mean <= max(values) + 1e-15
        assert mean is None or math.isfinite(mean)


def test_every_score_has_a_column() -> None:
    assert list(HEADINGS) == [field.name for field in fields(Scores)]


def test_the_table_shows_every_figure_in_eighty_columns() -> None:
    names = [f"{k:02d}_test" for k in range(1, 21)]
    text = _printed(_evidence(*(PhotographScores(name, GOOD) for name in names)))
    assert all(name in text for name in names)
    assert all(heading in text for heading in HEADINGS.values())
    assert text.count("0.6667") == 21
    assert "default fp32, onnxruntime, native protocol, threshold 0.4" in text
    assert "drive test (20)" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_long_name_is_folded_not_cut() -> None:
    name = "patient_" + "0123456789" * 6
    text = _printed(_evidence(PhotographScores(name, GOOD)))
    column = "".join(line[:24].split(" ")[0] for line in text.splitlines())
    assert name in column


def test_names_are_no_markup_and_no_terminal_commands() -> None:
    text = _printed(
        _evidence(PhotographScores("[red]\x1b[2J", GOOD), model="[bold]\x1b]0;x\x07"), width=200
    )
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]" in text
    assert "[bold]" in text


def test_a_record_cannot_be_changed() -> None:
    evidence = _evidence(PhotographScores("01", GOOD))
    with pytest.raises(FrozenInstanceError):
        evidence.model = "other"  # type: ignore[misc]
    assert replace(evidence, model="other").to_dict()["model"] == "other"
