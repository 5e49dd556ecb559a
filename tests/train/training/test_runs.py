"""Training runs of `edgeseg train`: interruption, resuming and output files."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from edgeseg.imaging.encoder import encode_png
from edgeseg.synthetic import generate_photo
from edgeseg_train.checkpoint import (
    TrainingData,
    load_checkpoint,
    save_checkpoint,
)
from edgeseg_train.tensor_file import read_tensors
from edgeseg_train.training.state import load_state


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write a user's folder of five small synthetic photographs."""
    folder = tmp_path_factory.mktemp("pairs")
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for seed in range(5):
        synthetic = generate_photo(seed, 160)
        (folder / "images" / f"{seed}.png").write_bytes(encode_png(synthetic.photo))
        (folder / "masks" / f"{seed}.png").write_bytes(encode_png(synthetic.truth))
    return f"pairs:{folder}"


def command(pairs: str, out: Path, *more: str) -> list[str]:
    train = [sys.executable, "-m", "edgeseg", "train", "--data", pairs, "--out", str(out)]
    small = ["--arch", "tiny", "--size", "128", "--crop", "64", "--batch", "4"]
    return [*train, *small, "--arithmetic", "float32", *more]


def start(pairs: str, out: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(pairs, out, *more), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    while not file.exists() and process.poll() is None:
        time.sleep(0.05)


def weights(out: Path) -> dict[str, torch.Tensor]:
    state = read_tensors(out / "last.pt")["averaged"]
    assert isinstance(state, dict)
    return state


@pytest.mark.slow
def test_train_with_start_keeps_weights_and_training_data(pairs: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    subprocess.run(command(pairs, first, "--epochs", "2"), check=True, capture_output=True)
    first_checkpoint = load_checkpoint(first / "best.pt")
    other = replace(
        first_checkpoint, training_data=(TrainingData("drive", 20, "for research use"),)
    )
    save_checkpoint(other, first / "of_drive.pt")
    gentle = ["--start", str(first / "of_drive.pt"), "--epochs", "1", "--learning-rate", "1e-9"]
    gentle_command = [
        part for part in command(pairs, second, *gentle) if part not in ("--arch", "tiny")
    ]
    subprocess.run(gentle_command, check=True, capture_output=True)
    second_checkpoint = load_checkpoint(second / "best.pt")
    learned = {name for name, _ in second_checkpoint.network().named_parameters()}
    assert all(
        torch.allclose(second_checkpoint.weights[name], first_checkpoint.weights[name], atol=1e-5)
        for name in learned
    )
    assert [data.name for data in second_checkpoint.training_data] == ["drive", "pairs"]
    subprocess.run([*gentle_command, "--resume"], check=True, capture_output=True)
    again = load_checkpoint(second / "best.pt")  # a finished run is not interpolated again
    assert all(
        torch.equal(again.weights[name], second_checkpoint.weights[name])
        for name in second_checkpoint.weights
    )
    assert second_checkpoint.training_data[0].licence == "for research use"
    wrong = subprocess.run(
        command(pairs, tmp_path / "third", *gentle, "--arch", "lean"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert wrong.returncode == 2 and "'tiny'" in wrong.stderr


@pytest.mark.slow
def test_train_killed_and_resumed_gives_same_weights(pairs: str, tmp_path: Path) -> None:
    complete, interrupted = tmp_path / "complete", tmp_path / "interrupted"
    subprocess.run(command(pairs, complete, "--epochs", "6"), check=True, capture_output=True)
    chance, kills = random.Random(0), 0
    while True:
        process = start(pairs, interrupted, "--epochs", "6", "--resume")
        if kills < 3:
            before = (
                (interrupted / "last.pt").stat().st_mtime_ns
                if (interrupted / "last.pt").exists()
                else 0
            )
            while process.poll() is None and (
                not (interrupted / "last.pt").exists()
                or (interrupted / "last.pt").stat().st_mtime_ns == before
            ):
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.3))
            process.kill()
            process.wait()
            kills += 1
            continue
        _, err = process.communicate()
        assert process.returncode == 0, err
        break
    actual, expected = weights(interrupted), weights(complete)
    assert all(torch.equal(actual[name], expected[name]) for name in expected)
    best, expected_best = (
        load_checkpoint(interrupted / "best.pt"),
        load_checkpoint(complete / "best.pt"),
    )
    assert best.sizes == expected_best.sizes
    assert all(
        torch.equal(best.weights[name], expected_best.weights[name]) for name in best.weights
    )
    assert not list(interrupted.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_train_on_signal_saves_and_exits_with_code(
    pairs: str, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = start(pairs, tmp_path / "run", "--epochs", "10000")
    wait_for(tmp_path / "run" / "last.pt", process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "--resume" in err
    assert (tmp_path / "run" / "curves.png").exists()
    state = load_state(tmp_path / "run")
    assert state is not None and state.step > 0


@pytest.mark.slow
def test_train_with_torchrun_uses_two_processes(pairs: str, tmp_path: Path) -> None:
    module = [sys.executable, "-m", "torch.distributed.run"]
    torchrun = [*module, "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, *command(pairs, tmp_path / "run", "--epochs", "2")[1:]],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert load_checkpoint(tmp_path / "run" / "best.pt").architecture.name == "tiny"
    state = load_state(tmp_path / "run")
    assert state is not None and state.step == 2 * round(4 * 8 / 4)


@pytest.mark.slow
def test_train_writes_checkpoint_log_and_plot(pairs: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    subprocess.run(
        command(pairs, out, "--epochs", "2", "--size", "detail=192"),
        check=True,
        capture_output=True,
    )
    trained = load_checkpoint(out / "best.pt")
    assert [size.name for size in trained.sizes] == ["default", "detail"]
    assert all(0 < size.threshold < 1 for size in trained.sizes)
    assert set(trained.evidence) == {"default", "detail"}
    assert trained.training_data[0].photographs == 4
    rows = list(csv.DictReader((out / "log.csv").read_text().splitlines()))
    assert rows[-1]["epoch"] == "2" and rows[-1]["validation_dice"]
    picture = cv2.imdecode(
        np.frombuffer((out / "curves.png").read_bytes(), np.uint8), cv2.IMREAD_COLOR
    )
    assert picture is not None and picture.std() > 5


@pytest.mark.slow
def test_train_into_folder_of_other_run_is_rejected(pairs: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    subprocess.run(command(pairs, out, "--epochs", "1"), check=True, capture_output=True)
    again = subprocess.run(
        command(pairs, out, "--epochs", "1"), check=False, capture_output=True, text=True
    )
    assert again.returncode == 2 and "--resume" in again.stderr
    other = command(pairs, out, "--epochs", "2", "--seed", "5", "--resume")
    mixed = subprocess.run(other, check=False, capture_output=True, text=True)
    assert mixed.returncode == 6 and "seed was 0, is 5" in mixed.stderr
