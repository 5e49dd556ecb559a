"""`edgeseg doctor --tune`: the selection, the file, and its use by `auto`."""

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
from edgeseg_benchmarks.tune import Setup, mask_failure, select_fastest, thread_counts
from edgeseg_benchmarks.worker import row_runner

RULE = Setup("onnxruntime", "fp32", 4)


def timing(
    ratio: float | None,
    precision: Precision = "fp32",
    runtime: RuntimeName = "onnxruntime",
    threads: int = 4,
    failure: str = "",
) -> CandidateTiming:
    return CandidateTiming(runtime, precision, threads, "", 10.0, ratio, 0.0, failure)


def test_select_fastest_returns_the_fastest() -> None:
    best = timing(0.4, "int8", threads=2)
    assert select_fastest([timing(1.0), timing(0.5, runtime="openvino"), best], RULE) == best


def test_select_fastest_of_equally_fast_prefers_rule_then_precision_then_threads() -> None:
    assert select_fastest([timing(0.99, "int8"), timing(1.0)], RULE) == timing(1.0)
    exact = timing(0.505, runtime="openvino")
    assert select_fastest([timing(0.5, "int8"), exact, timing(1.0)], RULE) == exact
    few = timing(0.505, runtime="openvino", threads=2)
    timings = [timing(0.5, runtime="openvino"), few, timing(1.0)]
    assert select_fastest(timings, RULE) == few


def test_select_fastest_ignores_failed_candidates() -> None:
    failed = timing(0.1, "int8", failure="wrong mask")
    assert select_fastest([failed, timing(1.0)], RULE) == timing(1.0)
    with pytest.raises(SystemSetupError):
        select_fastest([failed], RULE)


@pytest.mark.parametrize(
    ("precision", "change", "passes"),
    [
        ("fp32", 0.001, True),
        ("fp16", 0.0011, False),
        ("fp16w", 0.0, True),
        ("int8", 0.01, True),
        ("int8", 0.011, False),
    ],
)
def test_mask_failure_has_the_limits_of_convert(
    precision: Precision, change: float, passes: bool
) -> None:
    assert (mask_failure(precision, change) == "") == passes


@pytest.mark.parametrize(
    ("cores", "counts"), [(1, (1,)), (2, (2, 1)), (4, (4, 2, 1)), (6, (6, 3, 1))]
)
def test_thread_counts_are_all_cores_halved_down_to_one(
    cores: int, counts: tuple[int, ...]
) -> None:
    assert thread_counts(cores) == counts


def test_mask_change_is_a_share_of_the_field_of_view(tmp_path: Path) -> None:
    fov = np.full((4, 4), 255, np.uint8)
    fov[0] = 0
    empty = np.zeros((4, 4), np.uint8)
    changed = empty.copy()
    changed[1, :3] = 255
    for name, mask in (("a", empty), ("b", changed)):
        np.save(tmp_path / f"{name}.npy", np.stack([mask, fov]))
    assert tune.mask_change(tmp_path / "a.npy", tmp_path / "b.npy") == 0.25
    assert tune.mask_change(tmp_path / "a.npy", tmp_path / "a.npy") == 0


@pytest.fixture
def fast_tune(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PHOTOGRAPH_SIZE", 256)
    monkeypatch.setattr(row_runner, "MAX_ROUNDS", 5)


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *arguments])


@pytest.mark.slow
@pytest.mark.usefixtures("fast_tune")
def test_tune_writes_a_setup_that_auto_uses(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.delenv(tuning_cache.VARIABLE)
    result = doctor("--model", str(tiny_model), "--tune", "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    file = tmp_path / "settings/edgeseg/choices.json"
    (setup,) = tuning_cache.read_tuned_setups(file)
    assert content["tuned"]["file"] == str(file) and content["tuned"]["is_read_by_auto"]
    measured = {(entry.runtime, entry.threads) for entry in setup.measured}
    counts = thread_counts(setup.key.cores)
    assert measured == {(name, count) for name in installed_runtimes() for count in counts}
    for entry in setup.measured:
        assert entry.failure or (entry.network_ms and entry.flipped is not None)
    assert content["choice"]["runtime"] == setup.runtime
    assert content["choice"]["threads"] == setup.threads
    assert "--tune" in content["choice"]["reason"]
    segmenter = Segmenter(tiny_model)
    assert (segmenter.runtime.name, segmenter.threads) == (setup.runtime, setup.threads)


@pytest.mark.slow
@pytest.mark.usefixtures("fast_tune")
def test_tune_with_file_prints_how_to_use_it(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeseg.device.cpu.usable_cores", lambda: 1)
    result = doctor("--model", str(tiny_model), "--tune", str(tmp_path / "mine.json"))
    assert result.exit_code == 0, result.output
    assert tuning_cache.VARIABLE in result.stdout
    assert tuning_cache.read_tuned_setups(tmp_path / "mine.json")


@pytest.fixture
def no_tune(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr(tune, "tune", fail)


@pytest.mark.usefixtures("no_tune")
@pytest.mark.parametrize("data", [b"{}", b"mine"])
def test_tune_does_not_overwrite_other_files(tiny_model: Path, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "mine.json").write_bytes(data)
    result = doctor("--model", str(tiny_model), "--tune", str(tmp_path / "mine.json"))
    assert result.exit_code == 7 and "mine.json" in result.stderr
    assert (tmp_path / "mine.json").read_bytes() == data


@pytest.mark.usefixtures("no_tune")
def test_tune_without_a_writable_file_measures_nothing(tiny_model: Path, tmp_path: Path) -> None:
    for file in (str(tmp_path / "no/such.json"), str(tmp_path), "."):
        assert doctor("--model", str(tiny_model), "--tune", file).exit_code == 7
    # EDGESEG_CHOICES is empty in the tests, so that there is no default file.
    assert doctor("--model", str(tiny_model), "--tune").exit_code == 2


@pytest.mark.usefixtures("no_tune")
def test_doctor_without_tune_measures_nothing(tiny_model: Path) -> None:
    assert doctor("--model", str(tiny_model)).exit_code == 0
