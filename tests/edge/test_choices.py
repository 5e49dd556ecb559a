"""The file of choices: `auto` honours what fits, passes over what does not, and a damaged file stops nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.device import cpu
from edgeseg.errors import SystemSetupError
from edgeseg.models import selection, tuning_cache, tuning_cache_file
from edgeseg.models.card import Precision
from edgeseg.models.catalog import available_precisions
from edgeseg.models.selection import select_model
from edgeseg.models.tuning_cache import (
    CandidateTiming,
    TunedSetup,
    TuningKey,
    read_tuned_setups,
    save_tuned_setup,
)
from edgeseg.runtimes.base import resolve_runtime

Write = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `auto` looks."""
    monkeypatch.setenv(tuning_cache_file.VARIABLE, str(tmp_path / "choices.json"))
    return tmp_path / "choices.json"


@pytest.fixture
def model(write_model: Write) -> Path:
    """`x`, in FP32 and FP16."""
    write_model("x.fp16", precision="fp16")
    return write_model("x.fp32").with_name("x")


def choice_for(model: Path, precision: Precision = "fp16") -> TunedSetup:
    key = TuningKey.here({p: file.card for p, file in available_precisions(model).items()})
    measured = CandidateTiming("onnxruntime", precision, 1, "CPUExecutionProvider", 2.5, 0.5, 0.0)
    return TunedSetup(
        key, "onnxruntime", precision, 1, (measured, replace(measured, failure="slow", ratio=None))
    )


def test_what_was_measured_is_taken_and_says_so(model: Path, file: Path) -> None:
    save_tuned_setup(file, choice_for(model))
    found = select_model(model)
    assert (found.file.path, found.runtime, found.threads) == (
        model.with_name("x.fp16.onnx"),
        "onnxruntime",
        1,
    )
    assert found.tuned and "--tune" in found.file.reason and str(file) in found.file.reason
    assert read_tuned_setups(file) == (choice_for(model),)


def test_what_is_named_wins(model: Path, file: Path) -> None:
    save_tuned_setup(file, choice_for(model))
    assert select_model(model, precision="fp32").file.card.precision == "fp32"
    assert select_model(model, threads=7).threads == 7
    for named in (
        select_model(model, precision="fp32"),
        select_model(model, threads=7),
        select_model(model, runtime="onnxruntime"),
        select_model(model, provider="cpu"),
        select_model(model.with_name("x.fp32.onnx")),
    ):
        assert not named.tuned


CHANGES: Mapping[str, object] = {
    "checkpoint_sha256": "00" * 32,
    "size": 1,
    "precisions": ("fp32",),
    "cpu": "another",
    "features": (),
    "cores": 1000,
    "versions": {"edgeseg": "0"},
}


@pytest.mark.parametrize("changed", CHANGES)
def test_another_model_cpu_or_version_is_the_rules(
    changed: str, model: Path, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    choice = choice_for(model)
    save_tuned_setup(file, replace(choice, key=replace(choice.key, **{changed: CHANGES[changed]})))  # type: ignore[arg-type]
    found = select_model(model)
    assert not found.tuned
    assert (found.runtime, found.threads) == (resolve_runtime("auto"), cpu.usable_cores())
    assert not caplog.records


def test_a_runtime_that_is_gone_is_passed_over(
    model: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tuned_setup(file, replace(choice_for(model), runtime="openvino"))
    monkeypatch.setattr(tuning_cache, "installed_runtimes", lambda: ("onnxruntime",))
    assert not select_model(model).tuned


def test_other_models_stay_and_the_same_is_replaced(model: Path, file: Path) -> None:
    mine = choice_for(model)
    other = replace(mine, key=replace(mine.key, checkpoint_sha256="00" * 32))
    old = replace(mine, key=replace(mine.key, versions={"edgeseg": "0"}), precision="fp32")
    for each in (old, other, mine):
        save_tuned_setup(file, each)
    assert read_tuned_setups(file) == (other, mine)


DAMAGED = [
    b"",
    b"{",
    b"[]",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"schema": "edgeseg/bench/1"}',
    b"9" * 5000,
]


@pytest.mark.parametrize("data", DAMAGED)
def test_a_damaged_file_is_told_of_in_one_line_and_stops_nothing(
    data: bytes, model: Path, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_bytes(data)
    assert not select_model(model).tuned
    (record,) = caplog.records
    assert str(file) in record.getMessage() and "\n" not in record.getMessage()
    with pytest.raises(SystemSetupError, match="delete it, or name another"):
        save_tuned_setup(file, choice_for(model))
    assert file.read_bytes() == data


def test_a_folder_or_a_file_that_is_missing_stops_nothing(
    model: Path, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert not select_model(model).tuned
    assert not caplog.records
    file.mkdir()
    assert not select_model(model).tuned
    assert "cannot be read" in caplog.records[0].getMessage()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["key", "runtime", "x"]), inner)
    ),
    max_leaves=8,
)


@given(json_values, st.sampled_from(["key", "runtime", "precision", "threads", "measured"]))
def test_whatever_stands_there_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, value: object, at: str
) -> None:
    file = tmp_path_factory.mktemp("choices") / "choices.json"
    key = TuningKey("ab", 128, ("fp32",), "cpu", ("avx2",), 2, {"edgeseg": "1"})
    entry = TunedSetup(key, "onnxruntime", "fp32", 1).to_dict() | {at: value}
    file.write_text(json.dumps({"schema": tuning_cache.SCHEMA, "choices": [entry]}))
    try:
        read_tuned_setups(file)
    except SystemSetupError as error:
        assert "\n" not in str(error)


def test_the_usual_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(tuning_cache_file.VARIABLE, "")
    assert tuning_cache_file.cache_path() is None
    monkeypatch.delenv(tuning_cache_file.VARIABLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert tuning_cache_file.cache_path() == tmp_path / ".config/edgeseg/choices.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    assert tuning_cache_file.cache_path() == tmp_path / "settings/edgeseg/choices.json"


def test_without_a_file_nothing_more_is_read(
    model: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(selection, "available_precisions", refuse)
    assert not select_model(model).tuned
    assert not file.exists()
