"""Tuning cache: use by `auto`, and damaged files, which are reported and ignored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edgeseg.device import cpu
from edgeseg.errors import SystemSetupError
from edgeseg.models import tuning_cache
from edgeseg.models.card import Precision
from edgeseg.models.catalog import available_precisions
from edgeseg.models.selection import select_file, select_model
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
    """Path of the cache file that `auto` reads."""
    monkeypatch.setenv(tuning_cache.VARIABLE, str(tmp_path / "choices.json"))
    return tmp_path / "choices.json"


@pytest.fixture
def model(write_model: Write) -> Path:
    """Path, without the precision, of a model in FP32 and FP16."""
    write_model("x.fp16", precision="fp16")
    return write_model("x.fp32").with_name("x")


def setup_for(model: Path, precision: Precision = "fp16") -> TunedSetup:
    key = TuningKey.for_this_device(
        {p: file.card for p, file in available_precisions(model).items()}
    )
    measured = CandidateTiming("onnxruntime", precision, 1, "CPUExecutionProvider", 2.5, 0.5, 0.0)
    return TunedSetup(
        key, "onnxruntime", precision, 1, (measured, replace(measured, failure="slow", ratio=None))
    )


def test_select_model_with_stored_setup_uses_it(model: Path, file: Path) -> None:
    save_tuned_setup(file, setup_for(model))
    selected = select_model(model)
    assert selected.file.path == model.with_name("x.fp16.onnx")
    assert (selected.runtime, selected.threads, selected.tuned) == ("onnxruntime", 1, True)
    assert select_file(model) == selected.file
    assert "--tune" in selected.file.reason and str(file) in selected.file.reason
    assert read_tuned_setups(file) == (setup_for(model),)


def test_select_model_with_explicit_arguments_ignores_stored_setup(model: Path, file: Path) -> None:
    save_tuned_setup(file, setup_for(model))
    assert select_model(model, precision="fp32").file.card.precision == "fp32"
    assert select_model(model, threads=7).threads == 7
    for selected in (
        select_model(model, precision="fp32"),
        select_model(model, threads=7),
        select_model(model, runtime="onnxruntime"),
        select_model(model, provider="cpu"),
        select_model(model.with_name("x.fp32.onnx")),
    ):
        assert not selected.tuned


CHANGES: Mapping[str, object] = {
    "model_sha256": "00" * 32,
    "precisions": ("fp32",),
    "cpu": "another",
    "features": (),
    "cores": 1000,
    "versions": {"edgeseg": "0"},
}


@pytest.mark.parametrize("changed", CHANGES)
def test_select_model_with_setup_of_other_conditions_follows_the_rule(
    changed: str, model: Path, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    setup = setup_for(model)
    other_key = replace(setup.key, **{changed: CHANGES[changed]})
    save_tuned_setup(file, replace(setup, key=other_key))
    selected = select_model(model)
    assert not selected.tuned
    assert (selected.runtime, selected.threads) == (resolve_runtime("auto"), cpu.usable_cores())
    assert not caplog.records


def test_tuning_key_of_another_network_of_the_checkpoint_differs(model: Path) -> None:
    cards = {p: file.card for p, file in available_precisions(model).items()}
    other = {p: card._replace(output="vessels:logits") for p, card in cards.items()}
    assert TuningKey.for_this_device(cards) == TuningKey.for_this_device(dict(cards))
    assert TuningKey.for_this_device(other) != TuningKey.for_this_device(cards)


def test_select_model_ignores_setup_of_missing_runtime(
    model: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tuned_setup(file, replace(setup_for(model), runtime="openvino"))
    monkeypatch.setattr(tuning_cache, "installed_runtimes", lambda: ("onnxruntime",))
    assert not select_model(model).tuned


def test_save_tuned_setup_replaces_same_model_and_keeps_others(model: Path, file: Path) -> None:
    mine = setup_for(model)
    other = replace(mine, key=replace(mine.key, model_sha256="00" * 32))
    old = replace(mine, key=replace(mine.key, versions={"edgeseg": "0"}), precision="fp32")
    for setup in (old, other, mine):
        save_tuned_setup(file, setup)
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
def test_select_model_with_damaged_cache_warns_once_and_continues(
    data: bytes, model: Path, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_bytes(data)
    assert not select_model(model).tuned
    (record,) = caplog.records
    assert str(file) in record.getMessage() and "\n" not in record.getMessage()
    with pytest.raises(SystemSetupError, match=r"choices\.json"):
        save_tuned_setup(file, setup_for(model))
    assert file.read_bytes() == data


def test_select_model_with_missing_or_unreadable_cache_continues(
    model: Path, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert not select_model(model).tuned
    assert not caplog.records
    file.mkdir()
    assert not select_model(model).tuned
    assert str(file) in caplog.records[0].getMessage()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["key", "runtime", "x"]), inner)
    ),
    max_leaves=8,
)


@given(json_values, st.sampled_from(["key", "runtime", "precision", "threads", "measured"]))
def test_read_tuned_setups_with_any_value_returns_or_raises_one_line(
    tmp_path_factory: pytest.TempPathFactory, value: object, at: str
) -> None:
    file = tmp_path_factory.mktemp("choices") / "choices.json"
    key = TuningKey("ab", ("fp32",), "cpu", ("avx2",), 2, {"edgeseg": "1"})
    setup = TunedSetup(key, "onnxruntime", "fp32", 1)
    entry = msgspec.to_builtins(setup) | {at: value}
    file.write_text(json.dumps({"schema": "edgeseg/choices/2", "choices": [entry]}))
    try:
        read_tuned_setups(file)
    except SystemSetupError as error:
        assert "\n" not in str(error)


def test_cache_path_depends_on_environment_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(tuning_cache.VARIABLE, "")
    assert tuning_cache.cache_path() is None
    monkeypatch.delenv(tuning_cache.VARIABLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert tuning_cache.cache_path() == tmp_path / ".config/edgeseg/choices.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    assert tuning_cache.cache_path() == tmp_path / "settings/edgeseg/choices.json"


def test_select_model_without_cache_reads_nothing_else(
    model: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(tuning_cache, "find_tuned_setup", fail)
    assert not select_model(model).tuned
    assert not file.exists()
