"""The result of an evaluation as JSON and as tables."""

from __future__ import annotations

import json

import msgspec
import pytest
from rich.console import Console

from edgeseg.evaluation.result import Check, EvaluationResult
from edgeseg.evaluation.scores import (
    HEADINGS,
    STRUCTURE_HEADINGS,
    DataSetScores,
    PhotographScores,
    Scores,
)

GOOD = Scores(0.8, 2 / 3, 0.95, 0.75, 0.98, 0.97, 0.85, 0.5, 0.01, 2.5)
BAD = Scores(0.4, 0.25, 0.9, 0.3, 0.96, None)


def create_result(*photographs: PhotographScores, model: str = "default") -> EvaluationResult:
    data_set = DataSetScores("drive", "test", photographs)
    return EvaluationResult(model, "fp32", "onnxruntime", "native", 0.4, (data_set,))


def render(result: EvaluationResult, width: int = 80) -> str:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(result.to_tables())
    return capture.get()


def test_to_dict_has_the_documented_keys() -> None:
    photographs = (
        PhotographScores.from_scores("01", GOOD),
        PhotographScores.from_scores("02", BAD),
    )
    result = create_result(*photographs)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False)) == {
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
                "cldice_mean": pytest.approx(0.85),
                "thin_sensitivity_mean": pytest.approx(0.5),
                "vessel_density_difference_mean": pytest.approx(0.01),
                "skeleton_density_difference_mean": pytest.approx(2.5),
                "photographs": [
                    {
                        "name": "01",
                        "dice": 0.8,
                        "iou": 2 / 3,
                        "accuracy": 0.95,
                        "sensitivity": 0.75,
                        "specificity": 0.98,
                        "auc": 0.97,
                        "cldice": 0.85,
                        "thin_sensitivity": 0.5,
                        "vessel_density_difference": 0.01,
                        "skeleton_density_difference": 2.5,
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
                        "cldice": None,
                        "thin_sensitivity": None,
                        "vessel_density_difference": None,
                        "skeleton_density_difference": None,
                        "status": "ok",
                    },
                ],
            }
        ],
    }


def test_to_dict_of_a_checked_file_has_its_checks() -> None:
    passed = Check.at_most("parity", 0.01, 0.02, "3 photographs")
    failed = Check.at_most("parity", float("nan"), 0.02, "3 photographs")
    result = EvaluationResult(
        "net", "fp16", "onnxruntime", "native", 0.4, (), "net.fp16.onnx", 2000, (passed, failed)
    )
    values = result.to_dict()
    assert (values["file"], values["file_bytes"], values["passed"]) == (
        "net.fp16.onnx",
        2000,
        False,
    )
    assert values["checks"] == [
        {
            "name": "parity",
            "value": 0.01,
            "limit": 0.02,
            "passed": True,
            "note": "3 photographs",
        },
        {
            "name": "parity",
            "value": None,
            "limit": 0.02,
            "passed": False,
            "note": "3 photographs",
        },
    ]


@pytest.mark.parametrize(
    ("value", "limit", "passed"),
    [
        (1.0, 1.0, True),
        (1.1, 1.0, False),
        (float("nan"), 1.0, False),
        (float("nan"), None, True),
        (5.0, None, True),
    ],
)
def test_check_at_most_passes_up_to_its_limit(
    value: float, limit: float | None, passed: bool
) -> None:
    assert bool(Check.at_most("size", value, limit, "")) is passed


def test_tables_count_failed_photographs() -> None:
    failed = PhotographScores("02", status="02.tif: truncated")
    assert "1 of 2" in render(create_result(PhotographScores.from_scores("01", GOOD), failed))
    assert "0 of 1" in render(create_result(failed))


def test_tables_show_all_scores_in_80_columns() -> None:
    names = [f"{k:02d}_test" for k in range(1, 21)]
    text = render(create_result(*(PhotographScores.from_scores(name, GOOD) for name in names)))
    assert all(name in text for name in names)
    headings = {**HEADINGS, **STRUCTURE_HEADINGS}
    assert all(heading in text for heading in headings.values())
    assert text.count("0.6667") == 21
    assert "default fp32, onnxruntime, native protocol, threshold 0.4" in text
    assert "drive test (20)" in text
    assert max(map(len, text.splitlines())) <= 80


def test_tables_without_structure_scores_have_no_empty_table() -> None:
    text = render(create_result(PhotographScores.from_scores("01", BAD)))
    assert not any(heading in text for heading in STRUCTURE_HEADINGS.values())


def test_tables_fold_a_long_name() -> None:
    name = "patient_" + "0123456789" * 6
    text = render(create_result(PhotographScores.from_scores(name, GOOD)))
    column = "".join(line[:24].split(" ")[0] for line in text.splitlines())
    assert name in column


def test_tables_show_names_without_markup_and_control_sequences() -> None:
    photograph = PhotographScores.from_scores("[red]\x1b[2J", GOOD)
    text = render(create_result(photograph, model="[bold]\x1b]0;x\x07"), width=200)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]" in text
    assert "[bold]" in text


def test_tables_escape_commands_of_ci_services() -> None:
    photograph = PhotographScores.from_scores("::error::a\n::error::b\r\x1b]52;c;x\x07", GOOD)
    result = create_result(photograph, model="::error::model")
    text = render(result, width=200)
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert text.isascii() or "\x1b" not in text
    names = msgspec.json.decode(msgspec.json.encode(result.to_dict()))["data_sets"][0]
    assert names["photographs"][0]["name"] == photograph.name
