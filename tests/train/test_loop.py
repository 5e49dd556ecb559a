"""A run survives what happens to long runs. Drawn photographs, the smallest network, processes of their own."""

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

from edgeseg.errors import EdgesegError, ModelError
from edgeseg.imaging.photo import encode_png
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg.synthetic import generate_photo
from edgeseg_train.checkpoint import (
    TrainingData,
    WorkingSize,
    load_checkpoint,
    read_tensors,
    save_checkpoint,
)
from edgeseg_train.config import TrainConfig
from edgeseg_train.data.augmentation import Augmentation
from edgeseg_train.data.crop_sampler import CropSampler
from edgeseg_train.data.photo_store import Example, PhotoStore
from edgeseg_train.network.resunet import architecture_by_name
from edgeseg_train.training.compute import ComputeMode
from edgeseg_train.training.trainer import Trainer, read_state


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A user's own folder of five small drawn photographs."""
    folder = tmp_path_factory.mktemp("pairs")
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for seed in range(5):
        drawn = generate_photo(seed, 160)
        (folder / "images" / f"{seed}.png").write_bytes(encode_png(drawn.photo))
        (folder / "masks" / f"{seed}.png").write_bytes(encode_png(drawn.truth))
    return f"pairs:{folder}"


def command(pairs: str, out: Path, *more: str) -> list[str]:
    small = [
        "--arch",
        "tiny",
        "--size",
        "128",
        "--crop",
        "64",
        "--batch",
        "4",
        "--arithmetic",
        "float32",
    ]
    return [
        sys.executable,
        "-m",
        "edgeseg",
        "train",
        "--data",
        pairs,
        "--out",
        str(out),
        *small,
        *more,
    ]


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


def test_a_run_starts_from_another_runs_weights_and_keeps_what_they_were_trained_on(
    pairs: str, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    subprocess.run(command(pairs, first, "--epochs", "2"), check=True, capture_output=True)
    begun = load_checkpoint(first / "best.pt")
    other = replace(begun, training_data=(TrainingData("drive", 20, "for research use"),))
    save_checkpoint(other, first / "of_drive.pt")
    gentle = ["--start", str(first / "of_drive.pt"), "--epochs", "1", "--learning-rate", "1e-9"]
    gentle_command = [
        part for part in command(pairs, second, *gentle) if part not in ("--arch", "tiny")
    ]
    subprocess.run(gentle_command, check=True, capture_output=True)
    ended = load_checkpoint(second / "best.pt")
    learned = {name for name, _ in ended.network().named_parameters()}
    assert all(
        torch.allclose(ended.weights[name], begun.weights[name], atol=1e-5) for name in learned
    )
    assert [data.name for data in ended.training_data] == ["drive", "pairs"]
    subprocess.run([*gentle_command, "--resume"], check=True, capture_output=True)
    again = load_checkpoint(second / "best.pt")  # of a finished run nothing is mixed a second time
    assert all(torch.equal(again.weights[name], ended.weights[name]) for name in ended.weights)
    assert ended.training_data[0].licence == "for research use"
    wrong = subprocess.run(
        command(pairs, tmp_path / "third", *gentle, "--arch", "lean"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert wrong.returncode == 2 and "'tiny'" in wrong.stderr


def test_killed_at_random_and_resumed_ends_with_the_same_weights(
    pairs: str, tmp_path: Path
) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    subprocess.run(command(pairs, whole, "--epochs", "6"), check=True, capture_output=True)
    chance, kills = random.Random(0), 0
    while True:
        process = start(pairs, torn, "--epochs", "6", "--resume")
        if kills < 3:
            before = (torn / "last.pt").stat().st_mtime_ns if (torn / "last.pt").exists() else 0
            while process.poll() is None and (
                not (torn / "last.pt").exists() or (torn / "last.pt").stat().st_mtime_ns == before
            ):
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.3))
            process.kill()
            process.wait()
            kills += 1
            continue
        _, said = process.communicate()
        assert process.returncode == 0, said
        break
    ours, theirs = weights(torn), weights(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    best, undisturbed = load_checkpoint(torn / "best.pt"), load_checkpoint(whole / "best.pt")
    assert best.sizes == undisturbed.sizes
    assert all(torch.equal(best.weights[name], undisturbed.weights[name]) for name in best.weights)
    assert not list(torn.glob(".*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_saves_and_stops(
    pairs: str, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = start(pairs, tmp_path / "run", "--epochs", "10000")
    wait_for(tmp_path / "run" / "last.pt", process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "--resume" in said
    assert (tmp_path / "run" / "curves.png").exists()
    state = read_state(tmp_path / "run")
    assert state is not None and isinstance(state["step"], int) and state["step"] > 0


def test_two_processes_through_torchrun(pairs: str, tmp_path: Path) -> None:
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
    ]
    done = subprocess.run(
        [*torchrun, *command(pairs, tmp_path / "run", "--epochs", "2")[1:]],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert load_checkpoint(tmp_path / "run" / "best.pt").architecture.name == "tiny"
    state = read_state(tmp_path / "run")
    assert state is not None and state["step"] == 2 * round(4 * 8 / 4)


def test_what_a_finished_run_leaves(pairs: str, tmp_path: Path) -> None:
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


def test_a_run_is_not_overwritten_nor_mixed_with_another(pairs: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    subprocess.run(command(pairs, out, "--epochs", "1"), check=True, capture_output=True)
    again = subprocess.run(
        command(pairs, out, "--epochs", "1"), check=False, capture_output=True, text=True
    )
    assert again.returncode == 2 and "--resume" in again.stderr
    other = command(pairs, out, "--epochs", "2", "--seed", "5", "--resume")
    mixed = subprocess.run(other, check=False, capture_output=True, text=True)
    assert mixed.returncode == 6 and "seed was 0, is 5" in mixed.stderr


def test_minutes_count_all_sittings(tmp_path: Path) -> None:
    """What came before the first step too; what follows the last is set aside."""
    working = (WorkingSize("default", 64), WorkingSize("detail", 128))
    plan = TrainConfig(
        architecture_by_name("tiny"), preprocessing_preset("edge", 64), working, (64,), minutes=2
    )
    example = Example(
        *(np.full(shape, 255, np.uint8) for shape in ((64, 64, 3), (64, 64), (64, 64)))
    )
    crops = CropSampler(PhotoStore.of([[example]]), 32, 1, 0, Augmentation())

    def sitting(already: float) -> Trainer:
        cpu, how = torch.device("cpu"), ComputeMode()
        return Trainer(plan, tmp_path, (), crops, (), cpu, how, started=time.monotonic() - already)

    sitting(30)._save()
    state = read_state(tmp_path)
    assert state is not None
    second = sitting(18)
    second.resume(state)
    assert second.seconds >= 48
    assert second.progress == pytest.approx(second.seconds / 120, rel=0.01)
    second.validation_seconds, second.closing_seconds = 4.0, 8.0
    # One more while it goes on, one at the end, two for each threshold; four times the pixels cost four times as much.
    assert second.progress == pytest.approx(second.seconds / (120 - (2 + 2 + 8) * 4 - 8), rel=0.01)


def test_a_resumed_run_knows_the_weights_that_it_started_from(tmp_path: Path) -> None:
    plan = TrainConfig(
        architecture_by_name("tiny"),
        preprocessing_preset("edge", 64),
        (WorkingSize("default", 64),),
        (64,),
        minutes=2,
    )
    example = Example(
        *(np.full(shape, 255, np.uint8) for shape in ((64, 64, 3), (64, 64), (64, 64)))
    )
    crops = CropSampler(PhotoStore.of([[example]]), 32, 1, 0, Augmentation())
    first, second = (
        Trainer(plan, tmp_path, (), crops, (), torch.device("cpu"), ComputeMode()) for _ in range(2)
    )
    begun = first.checkpoint()
    first.start_from(begun)
    first._save()
    state = read_state(tmp_path)
    assert state is not None and second.start is None
    second.resume(state)
    assert second.start is not None
    assert all(torch.equal(second.start[name], begun.weights[name]) for name in begun.weights)


def test_damaged_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes(b"no checkpoint")
    with pytest.raises(EdgesegError, match=r"last\.pt"):
        read_state(tmp_path)
    torch.save({"step": 3}, tmp_path / "last.pt")
    with pytest.raises(ModelError, match="start anew"):
        read_state(tmp_path)


def test_the_rate_warms_up_and_falls() -> None:
    plan = TrainConfig(
        architecture_by_name("tiny"), preprocessing_preset("edge", 128), (), (128,), epochs=1
    )
    rates = [plan.rate_at(progress / 100) for progress in range(101)]
    assert max(rates) == pytest.approx(plan.learning_rate, rel=1e-3)
    assert rates[0] < 0.01 * plan.learning_rate and rates[-1] == pytest.approx(
        0.01 * plan.learning_rate
    )
    assert rates[4:] == sorted(rates[4:], reverse=True)
