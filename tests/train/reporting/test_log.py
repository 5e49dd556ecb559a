"""Log file of a training run."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.errors import SystemSetupError
from edgeseg_train.reporting.log import LogEntry, read_log, write_log

ENTRY = LogEntry(40, 2.5, 61.0, 1e-3, 0.31, 0.62, 0.45, 0.35, 0.71, 0.55, 0.4)


def test_read_log_returns_entries_up_to_last_step(tmp_path: Path) -> None:
    later = LogEntry(80, 5.0, 99.0, 1e-4, 0.2, 0.7, 0.54)
    write_log([ENTRY, later], tmp_path / "log.csv")
    assert read_log(tmp_path / "log.csv", 80) == [ENTRY, later]
    assert read_log(tmp_path / "log.csv", 79) == [ENTRY]
    assert read_log(tmp_path / "none.csv", 80) == []


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "step\n1\n"])
def test_read_log_of_other_file_is_rejected(tmp_path: Path, text: str) -> None:
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(SystemSetupError, match=r"log\.csv"):
        read_log(tmp_path / "log.csv", 80)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1" * 200_000, "x\x1b"])
@pytest.mark.parametrize("column", ["step", "loss"])
def test_read_log_with_impossible_value_raises_setup_error_or_reads_it(
    tmp_path: Path, value: str, column: str
) -> None:
    file = tmp_path / "log.csv"
    write_log([ENTRY], file)
    heading, _ = file.read_text().splitlines()
    row = dict.fromkeys(heading.split(","), "1") | {column: value}
    file.write_text(heading + "\n" + ",".join(row.values()) + "\n")
    try:
        read_log(file, 10)
    except SystemSetupError as error:
        assert str(error).isprintable()
    else:
        assert column == "loss"
