"""The training loop: AdamW, warm-up and cosine, averaged weights, validation, checkpoints, resuming."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from edgeseg.datasets import LICENCES, DataSet, Pair
from edgeseg.preprocess import Preprocessing
from edgeseg_train.augment import Augmentation
from edgeseg_train.checkpoint import Checkpoint, TrainingData, WorkingSize, read_tensors, save, write_tensors
from edgeseg_train.crops import Batch, Crops, load_photographs
from edgeseg_train.losses import LossWeights, total_loss
from edgeseg_train.network import Architecture, build
from edgeseg_train.validate import Held, Validation, hold, normalise, validate


@dataclass(frozen=True)
class Plan:
    """All that decides what a run computes.

    Attributes:
        architecture: member of the family.
        preprocessing: how photographs are fed.
        sizes: working sizes to choose a threshold for.
        photograph_sizes: working sizes that training crops come from.
        crop: side of a crop in pixels.
        batch: crops a step.
        crops_each: crops of each photograph in an epoch.
        epochs: length of the run; None where `minutes` says.
        minutes: length of the run, all sittings together; None where `epochs` says.
        learning_rate: AdamW's peak.
        weight_decay: AdamW's.
        warm_up: share of the run in which the rate rises.
        average: decay of the averaged weights, each step.
        clip: largest norm of the gradient.
        validate_each: seconds between validations.
        save_each: seconds between saves of `last.pt`.
        seed: of weights, order, crops and augmentation.
    """

    architecture: Architecture
    preprocessing: Preprocessing
    sizes: tuple[WorkingSize, ...]
    photograph_sizes: tuple[int, ...]
    crop: int = 256
    batch: int = 8
    crops_each: int = 8
    epochs: int | None = None
    minutes: float | None = None
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.03
    average: float = 0.998
    clip: float = 1.0
    validate_each: float = 120.0
    save_each: float = 45.0
    seed: int = 0
    loss: LossWeights = field(default_factory=LossWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class Report:
    """What a run says of itself as it goes on.

    Attributes:
        step: steps done.
        progress: 0 to 1.
        seconds: of all sittings.
        loss: mean since the last report.
        learning_rate: of the last step.
        validation: of the averaged weights, where one was just made.
        best: best validation Dice so far.
    """

    step: int
    progress: float
    seconds: float
    loss: float
    learning_rate: float
    validation: Validation | None
    best: float


def learning_rate(plan: Plan, progress: float) -> float:
    """Rate at `progress` of 0 to 1: linear warm-up, then a cosine to a hundredth of the peak."""
    if progress < plan.warm_up:
        return plan.learning_rate * max(progress / plan.warm_up, 1e-3)
    done = (progress - plan.warm_up) / (1 - plan.warm_up)
    return plan.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


class Run:
    """One run: its state, and the steps that change it."""

    def __init__(self, plan: Plan, out: Path, training: list[DataSet], validation: list[DataSet], device: str) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.out, self.device = plan, out, torch.device(device)
        self.training, self.step, self.seconds, self.best = training, 0, 0.0, -1.0
        self.network = build(plan.architecture).to(self.device, memory_format=torch.channels_last)
        self.averaged = AveragedModel(
            self.network, multi_avg_fn=get_ema_multi_avg_fn(plan.average), use_buffers=True
        )
        self.optimizer = torch.optim.AdamW(self.network.parameters(), plan.learning_rate, weight_decay=plan.weight_decay)
        pairs: list[Pair] = [pair for data_set in training for pair in data_set.pairs]
        self.crops = Crops(
            load_photographs(pairs, plan.preprocessing, plan.photograph_sizes),
            plan.crop,
            plan.batch,
            plan.seed,
            plan.augmentation,
        )
        self.steps_each = max(1, math.ceil(len(pairs) * plan.crops_each / plan.batch))
        self.held: tuple[Held, ...] = hold(validation, plan.preprocessing, plan.sizes[0].size)
        self.validation = validation

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0 to 1."""
        if self.plan.epochs is not None:
            return self.step / (self.plan.epochs * self.steps_each)
        return self.seconds / (60 * cast("float", self.plan.minutes))

    def go(self, tell: Callable[[Report], None], stop: Callable[[], bool] = lambda: False) -> None:
        """Train to the end of the plan, or until `stop()`; leaves `best.pt` and `last.pt`."""
        started, before = time.monotonic(), self.seconds
        saved = validated = started
        losses: list[float] = []
        for batch in self.crops.from_step(self.step):
            rate = learning_rate(self.plan, self.progress)
            losses.append(self._step(batch, rate))
            now = time.monotonic()
            self.seconds = before + now - started
            ended = self.progress >= 1 or stop()
            verdict = None
            if ended or now - validated > self.plan.validate_each:
                verdict, validated = self._validate(), time.monotonic()
            if verdict or now - saved > self.plan.save_each:
                self.save_last()
                saved = time.monotonic()
            if verdict or len(losses) >= 50:
                loss = sum(losses) / len(losses)
                tell(Report(self.step, self.progress, self.seconds, loss, rate, verdict, self.best))
                losses = []
            if ended:
                break

    def _step(self, batch: Batch, rate: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        photo = normalise(batch.photo.to(self.device), self.plan.preprocessing)
        logits = self.network(photo.contiguous(memory_format=torch.channels_last))
        loss = total_loss(logits, batch.truth.to(self.device), batch.inside.to(self.device), self.plan.loss)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
        self.optimizer.step()
        self.averaged.update_parameters(self.network)
        self.step += 1
        return float(loss.detach())

    def _validate(self) -> Validation:
        verdict = validate(self.averaged.module.eval(), self.held, self.plan.preprocessing, self.device)
        if verdict.dice > self.best:
            self.best = verdict.dice
            save(self.checkpoint({self.plan.sizes[0].name: verdict}), self.out / "best.pt")
        return verdict

    def checkpoint(self, verdicts: Mapping[str, Validation]) -> Checkpoint:
        """The averaged weights, with a threshold for each working size that was validated."""
        sizes = tuple(
            replace(size, threshold=verdicts[size.name].threshold) if size.name in verdicts else size
            for size in self.plan.sizes
        )
        return Checkpoint(
            architecture=self.plan.architecture,
            weights=self.averaged.module.state_dict(),
            preprocessing=self.plan.preprocessing,
            sizes=sizes,
            training_data=tuple(TrainingData(d.name, len(d.pairs), LICENCES[d.name]) for d in self.training),
            evidence={name: {"mean": v.dice, **v.per_set} for name, v in verdicts.items()},
        )

    def save_last(self) -> None:
        """All that resuming needs."""
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        write_tensors(state, self.out / "last.pt")

    def resume(self) -> bool:
        """Go on where `last.pt` stopped; False where there is none."""
        if not (self.out / "last.pt").exists():
            return False
        state = read_tensors(self.out / "last.pt")
        self.step, self.seconds, self.best = (
            cast("int", state["step"]),
            cast("float", state["seconds"]),
            cast("float", state["best"]),
        )
        self.network.load_state_dict(cast("Mapping[str, object]", state["network"]))
        self.averaged.load_state_dict(cast("dict[str, object]", state["averaged"]))
        self.optimizer.load_state_dict(cast("dict[str, object]", state["optimizer"]))
        return True


def choose_thresholds(
    checkpoint: Checkpoint, validation: list[DataSet], tell: Callable[[WorkingSize, Validation], None]
) -> Checkpoint:
    """A threshold for each working size, chosen on validation photographs with the checkpoint's own weights."""
    network = checkpoint.network()
    sizes, evidence = [], {}
    for size in checkpoint.sizes:
        held = hold(validation, checkpoint.preprocessing, size.size)
        verdict = validate(network, held, checkpoint.preprocessing, torch.device("cpu"))
        tell(size, verdict)
        sizes.append(replace(size, threshold=verdict.threshold))
        evidence[size.name] = {"mean": verdict.dice, **verdict.per_set}
    return replace(checkpoint, sizes=tuple(sizes), evidence=evidence)
