"""Tests of publishing model files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from edgeseg.errors import SystemSetupError
from edgeseg.models.card import ModelCard, read_card
from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset
from edgeseg_export.publish import (
    add_card,
    list_stale_files,
    publish_files,
    serialize_card,
    serialize_graph,
)
from edgeseg_train.checkpoint import Checkpoint, WorkingSize, save_checkpoint

MakeCheckpoint = Callable[[PreprocessingConfig, tuple[WorkingSize, ...]], Checkpoint]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_interrupted_conversion_leaves_older_file(
    tmp_path: Path, number: signal.Signals, code: int, make_checkpoint: MakeCheckpoint
) -> None:
    size = WorkingSize("default", 64)
    save_checkpoint(make_checkpoint(preprocessing_preset("edge", 64), (size,)), tmp_path / "net.pt")
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    out.mkdir()
    scratch.mkdir()
    (out / "net.fp32.onnx").write_text("older file")
    command = [sys.executable, "-m", "edgeseg", "convert", str(tmp_path / "net.pt"), "-o", str(out)]
    # A background job and its children ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [*command, "--no-simplify"],
        env=os.environ | {"TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
    )
    while not list(scratch.glob("edgeseg-*/*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait(60) == code
    contents = {file.name: file.read_text() for file in out.iterdir()}
    assert contents == {"net.fp32.onnx": "older file"}
    assert number == signal.SIGKILL or not list(scratch.iterdir())


def test_publish_files_writes_no_file_when_one_fails(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = tmp_path_factory.mktemp("scratch") / "model"
    source.write_bytes(b"model")
    (tmp_path / "old.onnx").touch()
    missing = tmp_path / "none" / "b.onnx"
    with pytest.raises(SystemSetupError, match=r"b\.onnx"):
        publish_files({tmp_path / "a.onnx": source, missing: source}, [tmp_path / "old.onnx"])
    assert [path.name for path in tmp_path.iterdir()] == ["old.onnx"]


@pytest.mark.parametrize("blocked", ["b.onnx", "old.onnx"])
def test_publish_files_changes_nothing_when_a_folder_has_the_name_of_a_file(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, blocked: str
) -> None:
    source = tmp_path_factory.mktemp("scratch") / "model"
    source.write_bytes(b"model")
    (tmp_path / blocked).mkdir()
    (tmp_path / "a.onnx").write_bytes(b"older file")
    files = {tmp_path / "a.onnx": source, tmp_path / "b.onnx": source}
    with pytest.raises(SystemSetupError, match=blocked):
        publish_files(files, [tmp_path / "old.onnx"])
    assert {path.name for path in tmp_path.iterdir()} == {"a.onnx", blocked}
    assert (tmp_path / "a.onnx").read_bytes() == b"older file"


def test_publish_files_replaces_files_and_removes_stale_ones(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = tmp_path_factory.mktemp("scratch") / "model"
    source.write_bytes(b"model")
    (tmp_path / "a.onnx").write_bytes(b"older file")
    (tmp_path / "old.onnx").touch()
    publish_files(
        {tmp_path / "a.onnx": source, tmp_path / "c.onnx": source}, [tmp_path / "old.onnx"]
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "c.onnx"]
    assert (tmp_path / "a.onnx").read_bytes() == b"model"


def test_add_card_appends_metadata_to_graph(tiny_model: Path) -> None:
    model = onnx.load(tiny_model)
    card = read_card(tiny_model)
    data = add_card(model, card)
    assert data == tiny_model.read_bytes()
    assert data.startswith(serialize_graph(model))
    assert data == model.SerializeToString(deterministic=True)


@pytest.fixture
def card(tiny_model: Path) -> ModelCard:
    """Card of a converted model named `net`."""
    return read_card(tiny_model)._replace(name="net", checkpoint_sha256="ab" * 32)


def write_cards(folder: Path, cards: dict[str, ModelCard]) -> None:
    for name, card in cards.items():
        (folder / name).write_bytes(serialize_card(card))


def test_list_stale_files_lists_files_of_another_model(tmp_path: Path, card: ModelCard) -> None:
    other = card._replace(checkpoint_sha256="cd" * 32)
    resized = card._replace(preprocessing=preprocessing_preset("edge", 256))
    write_cards(
        tmp_path,
        {
            "net.fp32.onnx": card,
            "net.fp16.onnx": other,
            "net.int8.onnx": resized,
            "net-detail.fp32.onnx": other._replace(name="net-detail"),
            "net-old.fp32.onnx": other,  # a copy that the user renamed
            "net-more.fp32.onnx": other._replace(name="net-more", checkpoint_sha256="ef" * 32),
            "net.v2.fp32.onnx": other._replace(name="net.v2"),
            "another.fp32.onnx": other._replace(name="another"),
        },
    )
    (tmp_path / "net.fp16w.onnx").write_text("not a model file")
    stale = [path.name for path in list_stale_files(tmp_path, [card])]
    assert sorted(stale) == ["net-detail.fp32.onnx", "net.fp16.onnx", "net.int8.onnx"]


def test_list_stale_files_keeps_other_size_of_the_same_checkpoint(
    tmp_path: Path, card: ModelCard
) -> None:
    resized = card._replace(preprocessing=preprocessing_preset("edge", 256))
    write_cards(
        tmp_path,
        {"net.fp16.onnx": resized, "net-detail.fp32.onnx": card._replace(name="net-detail")},
    )
    stale = list_stale_files(tmp_path, [card])
    assert [path.name for path in stale] == ["net.fp16.onnx"]
