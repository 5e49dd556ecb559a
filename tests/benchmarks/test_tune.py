"""`edgeseg doctor --tune`: what is chosen of given figures, and that a choice is written and honoured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeseg import Segmenter
from edgeseg.cli import cli
from edgeseg.errors import SystemSetupError
from edgeseg.models import tuning_cache
from edgeseg.models.card import Precision
from edgeseg.models.tuning_cache import CandidateTiming
from edgeseg.runtimes.base import RuntimeName, installed_runtimes
from edgeseg_benchmarks import runner, tune
from edgeseg_benchmarks.tune import Spot, fastest, judged, numbers_of_threads

RULE = Spot("onnxruntime", "fp32", 4)


def figure(
    ratio: float | None,
    precision: Precision = "fp32",
    runtime: RuntimeName = "onnxruntime",
    threads: int = 4,
) -> CandidateTiming:
    return CandidateTiming(runtime, precision, threads, "", 10.0, ratio, 0.0)


def test_the_fastest_is_taken() -> None:
    best = figure(0.4, "int8", threads=2)
    assert fastest([figure(1.0), figure(0.5, runtime="openvino"), best], RULE) == best


def test_of_equally_fast_ones_the_rules_then_the_more_exact_then_fewer_threads() -> None:
    assert fastest([figure(0.99, "int8"), figure(1.0)], RULE) == figure(1.0)
    assert (
        fastest(
            [figure(0.5, "int8"), figure(0.505, runtime="openvino"), figure(1.0)], RULE
        ).precision
        == "fp32"
    )
    few = figure(0.505, runtime="openvino", threads=2)
    assert fastest([figure(0.5, runtime="openvino"), few, figure(1.0)], RULE) == few


def test_what_failed_is_not_taken_however_fast() -> None:
    from msgspec.structs import replace

    wrong = replace(figure(0.1, "int8"), flipped=0.02)
    assert fastest([judged(wrong), figure(1.0)], RULE) == figure(1.0)
    with pytest.raises(SystemSetupError, match="no candidate"):
        fastest([judged(wrong)], RULE)


@pytest.mark.parametrize(
    ("precision", "flipped", "passes"),
    [
        ("fp32", 0.001, True),
        ("fp16", 0.0011, False),
        ("fp16w", 0.0, True),
        ("int8", 0.01, True),
        ("int8", 0.011, False),
    ],
)
def test_as_many_pixels_may_flip_as_convert_allows(
    precision: Precision, flipped: float, passes: bool
) -> None:
    from msgspec.structs import replace

    assert (judged(replace(figure(1.0, precision), flipped=flipped)).failure == "") == passes


@pytest.mark.parametrize(
    ("cores", "numbers"), [(1, (1,)), (2, (2, 1)), (4, (4, 2, 1)), (6, (6, 3, 1))]
)
def test_numbers_of_threads(cores: int, numbers: tuple[int, ...]) -> None:
    assert numbers_of_threads(cores) == numbers


def test_flips_are_counted_in_the_field_of_view(tmp_path: Path) -> None:
    fov = np.full((4, 4), 255, np.uint8)
    fov[0] = 0
    one = np.zeros((4, 4), np.uint8)
    other = one.copy()
    other[1, :3] = 255
    for name, mask in (("a", one), ("b", other)):
        np.save(tmp_path / f"{name}.npy", np.stack([mask, fov]))
    assert tune.flips(tmp_path / "a.npy", tmp_path / "b.npy") == 0.25
    assert tune.flips(tmp_path / "a.npy", tmp_path / "a.npy") == 0


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PHOTOGRAPH_SIZE", 256)
    monkeypatch.setattr(tune, "MOST_ROUNDS", 5)


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *arguments])


@pytest.mark.usefixtures("quick")
def test_a_choice_is_written_and_honoured(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.delenv(tuning_cache.VARIABLE)
    done = doctor("--model", str(tiny_model), "--tune", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    file = tmp_path / "settings/edgeseg/choices.json"
    (choice,) = tuning_cache.read_tuned_setups(file)
    assert told["tuned"]["file"] == str(file) and told["tuned"]["looked_at"]
    tried = {(each.runtime, each.threads) for each in choice.measured}
    assert tried == {
        (name, n) for name in installed_runtimes() for n in numbers_of_threads(choice.key.cores)
    }
    assert all(
        each.network_ms and each.flipped is not None for each in choice.measured if not each.failure
    )
    assert (
        told["choice"]["runtime"] == choice.runtime and told["choice"]["threads"] == choice.threads
    )
    assert "--tune" in told["choice"]["reason"]
    segmenter = Segmenter(tiny_model)
    assert (segmenter.runtime.name, segmenter.threads) == (choice.runtime, choice.threads)


@pytest.mark.usefixtures("quick")
def test_a_named_file_is_written_and_the_table_says_who_reads_it(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeseg.device.cpu.usable_cores", lambda: 1)
    done = doctor("--model", str(tiny_model), "--tune", str(tmp_path / "mine.json"))
    assert done.exit_code == 0, done.output
    assert "selected" in done.stdout and tuning_cache.VARIABLE in done.stdout
    assert tuning_cache.read_tuned_setups(tmp_path / "mine.json")


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr(tune, "tune", refuse)


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("data", [b"{}", b"mine"])
def test_a_file_that_holds_something_else_is_kept(
    tiny_model: Path, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "mine.json").write_bytes(data)
    done = doctor("--model", str(tiny_model), "--tune", str(tmp_path / "mine.json"))
    assert done.exit_code == 7 and "mine.json" in done.stderr
    assert (tmp_path / "mine.json").read_bytes() == data


@pytest.mark.usefixtures("never")
def test_where_it_cannot_be_written_nothing_is_measured(tiny_model: Path, tmp_path: Path) -> None:
    assert (
        doctor("--model", str(tiny_model), "--tune", str(tmp_path / "no/such.json")).exit_code == 7
    )
    assert doctor("--model", str(tiny_model), "--tune", str(tmp_path)).exit_code == 7
    assert doctor("--model", str(tiny_model), "--tune", ".").exit_code == 7
    assert (
        doctor("--model", str(tiny_model), "--tune").exit_code == 2
    )  # EDGESEG_CHOICES is empty in the tests


@pytest.mark.usefixtures("never")
def test_nothing_is_measured_unasked(tiny_model: Path) -> None:
    assert doctor("--model", str(tiny_model)).exit_code == 0
