"""Costs against their yardsticks, by hand and as functions."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeseg.imaging.photo import encode_png
from edgeseg.synthetic import generate_photo
from edgeseg_benchmarks import yardsticks
from edgeseg_benchmarks.record.bound import Bound
from edgeseg_benchmarks.yardsticks import Pace

ONCE = Pace(0, 1, 1, 0.0)


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One round, and this process stays where it is."""
    monkeypatch.setattr(yardsticks, "BY_HAND", ONCE)
    monkeypatch.setattr(yardsticks, "MEMORY_BY_HAND", ONCE)
    monkeypatch.setattr(yardsticks, "pin", lambda threads: None)


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    file = tmp_path / "eye.png"
    file.write_bytes(encode_png(generate_photo(1, 200).photo))
    return file


@pytest.mark.parametrize("kind", ["start", "frame", "memory", "help"])
def test_each_is_measured_by_hand(kind: str, photograph: Path) -> None:
    told = CliRunner().invoke(yardsticks.main, [kind, str(photograph)])
    assert (told.exit_code, told.stderr) == (0, "")
    assert "aim at most" in told.stdout and told.stdout.count("\n") == 1


def test_a_value_is_of_its_cost_and_its_yardstick(photograph: Path) -> None:
    time = yardsticks.frame(photograph, ONCE, 1)
    assert time.value and time.cost and time.yardstick
    assert time.value == pytest.approx(time.cost / time.yardstick)
    memory = yardsticks.memory(photograph, ONCE)
    assert memory.value and memory.cost and memory.yardstick
    assert memory.value == memory.cost - memory.yardstick
    assert memory.yardstick > 20e6


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["start", "nowhere.png"], 2, "nowhere.png: there is no such file"),
        (["frame", "nowhere.png", "2"], 2, "nowhere.png: there is no such file"),
        (["memory"], 2, "memory: name a photograph"),
        (["frame", __file__], 3, "not a PNG"),
        (["start", __file__], 3, "`edgeseg run` failed"),
    ],
)
def test_what_cannot_be_measured_is_told_in_one_line(
    arguments: list[str], code: int, said: str
) -> None:
    told = CliRunner().invoke(yardsticks.main, arguments)
    assert (told.exit_code, told.stdout) == (code, "")
    assert said in told.stderr
    assert told.stderr.count("\n") == 1


def _in_turns(pace: Pace, turns: list[str]) -> Bound:
    """A cost of 2, 4, 6, ... against a yardstick of 1."""
    costs = itertools.count(2, 2)

    def step(name: str, spent: float) -> float:
        turns.append(name)
        return spent

    return yardsticks._in_turns(
        Bound("a", "b", "ratio", 1.0), lambda: step("A", next(costs)), lambda: step("B", 1.0), pace
    )


def test_they_take_turns_after_a_warm_up_that_does_not_count() -> None:
    turns: list[str] = []
    bound = _in_turns(Pace(1, 3, 3, 0.0), turns)
    assert "".join(turns) == "BABABABA"
    assert (bound.value, bound.cost, bound.yardstick) == (6.0, 6.0, 1.0)  # of 4, 6 and 8


@pytest.mark.parametrize(("pace", "rounds"), [(Pace(0, 2, 9, 0.0), 2), (Pace(0, 2, 9, 60.0), 9)])
def test_rounds_are_as_many_as_fit_the_time(pace: Pace, rounds: int) -> None:
    turns: list[str] = []
    _in_turns(pace, turns)
    assert turns.count("A") == turns.count("B") == rounds
