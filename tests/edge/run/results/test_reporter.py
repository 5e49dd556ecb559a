"""Names of files in the output of a run."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from edgeseg.run.results.record import Code, ResultFiles, ResultRecord, Status
from edgeseg.run.results.reporter import FrameCounts, Reporter, first_codes, print_message

NAME = "::error::a\n\x1b]52;c;x\x07\u202e.png"


@pytest.fixture
def record(make_record: Callable[..., ResultRecord]) -> ResultRecord:
    """Record with control characters in its texts."""
    return make_record(source=NAME, files=ResultFiles(mask=NAME), message=f"{NAME}: two retinas")


def test_reporter_escapes_names_and_messages(
    record: ResultRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter = Reporter(NAME, stream=False, as_json=False)
    reporter.report([record])
    print_message(f"{NAME}: cannot be read")
    captured = capsys.readouterr()
    for text in captured:
        (line,) = text.splitlines()
        assert line.isprintable()
        assert not line.startswith("::")
    assert "\\x1b]52" in captured.out and "\\u202e" in captured.err


def test_reporter_json_does_not_escape_names(
    record: ResultRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    Reporter(NAME, stream=False, as_json=True).report([record])
    (line,) = capsys.readouterr().out.splitlines()
    values = json.loads(line)
    assert (values["source"], values["files"]["mask"]) == (NAME, NAME)


@pytest.mark.parametrize(
    ("outcomes", "codes"),
    [
        ([("ok", ()), ("skipped", ("ungradable",))], []),
        ([("skipped", ("ungradable",)), ("skipped", ("ungradable",))], ["ungradable"]),
        ([("skipped", ("ungradable",)), ("failed", ("no_fundus", "too_large"))],
         ["ungradable", "no_fundus"]),
    ],
)  # fmt: skip
def test_first_codes_of_frame_are_empty_if_frame_counts_as_segmented(
    make_record: Callable[..., ResultRecord],
    outcomes: list[tuple[Status, tuple[Code, ...]]],
    codes: list[Code],
) -> None:
    records = [make_record(status=status, reasons=reasons) for status, reasons in outcomes]
    counts = FrameCounts()
    counts.add(records)
    assert first_codes(records) == codes
    assert counts.segmented == (not codes)
