"""The training loop: AdamW, warm-up and cosine, averaged weights, checkpoints, resuming.

What a step computes is a function of the plan and the step's number alone (order, crops, dropout, learning rate of a
run of fixed epochs), so that a run that was killed and resumed ends with the weights of one that was not: to the bit on
a CPU, and but for the order of a GPU's sums there.
"""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import get_ema_multi_avg_fn

from edgeseg.datasets import LICENCES, DataSet
from edgeseg.errors import ModelError
from edgeseg_train.checkpoint import (
    Checkpoint,
    TrainingData,
    read_tensors,
    save_checkpoint,
    write_tensors,
)
from edgeseg_train.config import TrainConfig
from edgeseg_train.data.crop_sampler import CropSampler
from edgeseg_train.data.photo_store import Batch
from edgeseg_train.network.resunet import build_network
from edgeseg_train.reporting.log import LogEntry, read_log, write_log
from edgeseg_train.training.compute import ComputeMode, DistributedContext
from edgeseg_train.training.losses import total_loss
from edgeseg_train.training.running_metrics import RunningMetrics
from edgeseg_train.validation.model_selection import INTERPOLATION_WEIGHTS
from edgeseg_train.validation.validate import CachedPair, ValidationScores, normalise, validate

FIRST_SAVE, SAVE_EACH, POINT_EACH = 8.0, 30.0, 5.0
"""Seconds after the first step; between saves of `last.pt`; between points of the log."""

VALIDATIONS = 50
"""At most so many in a run of fixed epochs; a run of fixed minutes spends about a twelfth of its time on them."""

BEST, LAST, LOG = "best.pt", "last.pt", "log.csv"


class Trainer:
    """One run: its state, and the steps that change it."""

    def __init__(
        self,
        plan: TrainConfig,
        out: Path,
        training: Sequence[DataSet],
        crops: CropSampler,
        held: Sequence[CachedPair],
        device: torch.device,
        arithmetic: ComputeMode,
        process: DistributedContext = DistributedContext(),
        started: float | None = None,
    ) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.out, self.training, self.crops, self.held = plan, out, training, crops, held
        self.device, self.arithmetic, self.process = device, arithmetic, process
        self.step, self.best, self.points, self.validation_seconds = 0, -1.0, list[LogEntry](), 0.0
        self.start: Mapping[str, Tensor] | None = None
        self._best_weights: Mapping[str, Tensor] = {}
        self._before: tuple[TrainingData, ...] = ()
        self.closing_seconds = 0.0  # that the caller needs after the last step, beside validating
        self._started, self._earlier = time.monotonic() if started is None else started, 0.0
        self.network = arithmetic.placed(build_network(plan.architecture), device)
        self.averaged = copy.deepcopy(self.network).eval()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            plan.learning_rate,
            weight_decay=plan.weight_decay,
            fused=True,
        )
        self.steps_each = max(1, round(len(crops.photographs) * plan.crops_each / plan.batch))
        self._parallel: nn.Module = self.network
        if process.world > 1:
            self._parallel = DistributedDataParallel(self.network)

    def start_from(self, checkpoint: Checkpoint) -> None:
        """Take another run's weights, and with them what they were trained on."""
        self.start = dict(checkpoint.weights)
        for network in (self.network, self.averaged):
            network.load_state_dict(self.start)
        self._before = checkpoint.training_data

    @property
    def seconds(self) -> float:
        """Of all sittings, loading and validation included."""
        return self._earlier + time.monotonic() - self._started

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0 to 1."""
        if self.plan.epochs is not None:
            return self.step / (self.plan.epochs * self.steps_each)
        first = self.plan.sizes[0].size
        candidates = 1 if self.start is None else len(INTERPOLATION_WEIGHTS)
        validations = 2 + 2 * candidates * sum((size.size / first) ** 2 for size in self.plan.sizes)
        at_the_end = validations * self.validation_seconds + self.closing_seconds
        return self.seconds / max(60 * cast("float", self.plan.minutes) - at_the_end, 1.0)

    def go(self, tell: Callable[[LogEntry, float], None], stop: Callable[[], bool]) -> bool:
        """Train to the end of the plan; leaves `best.pt`, `last.pt` and `log.csv`.

        Args:
            tell: called with a point and the progress (0 to 1) every few seconds, by the leading process.
            stop: asked after each step; once it is true, the run is saved and ends.

        Returns:
            Whether the end of the plan was reached.
        """
        saved = validated = told = time.monotonic()
        save_after, tally = FIRST_SAVE, RunningMetrics()
        progress, ended = self._agree(self.progress, False)
        for batch in self.crops.from_step(self.step) if progress < 1 else ():
            rate = self.plan.rate_at(progress)
            self._step(batch, rate, tally)
            progress, ended = self._agree(self.progress, stop())
            now = time.monotonic()
            finished = ended or progress >= 1
            verdict = self._validate() if self._is_due(now - validated, finished) else None
            if verdict:
                validated = time.monotonic()
            if verdict or now - told > POINT_EACH or finished:
                tell(self._point(rate, tally, verdict), progress)
                tally, told = RunningMetrics(), now
            if verdict or finished or now - saved > save_after:
                self._save()
                saved, save_after = time.monotonic(), SAVE_EACH
            if finished:
                break
        return not ended

    def _agree(self, progress: float, stop: bool) -> tuple[float, bool]:
        """All processes do what the leading one says."""
        if self.process.world == 1:
            return progress, stop
        said = torch.tensor([progress, float(stop)], dtype=torch.float64, device=self.device)
        distributed.broadcast(said, 0)
        return float(said[0]), bool(said[1])

    def _step(self, batch: Batch, rate: float, tally: RunningMetrics) -> None:
        torch.manual_seed(
            (self.plan.seed * 1_000_003 + self.step) * 64 + self.process.rank
        )  # dropout
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self._parallel.train()
        photo = normalise(batch.photo.to(self.device), self.plan.preprocessing)
        truth, inside = batch.truth.to(self.device), batch.inside.to(self.device)
        with self.arithmetic.autocast(self.device):
            logits: Tensor = self._parallel(
                photo.contiguous(memory_format=self.arithmetic.memory_format)
            )
        loss = total_loss(logits.float(), truth, inside, self.plan.loss)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
        self.optimizer.step()
        self._average()
        self.step += 1
        tally.add(loss.detach(), logits.detach(), truth, inside)

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average of weights and of BatchNorm's statistics."""
        pairs = zip(
            self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True
        )
        averaged, current = zip(
            *[pair for pair in pairs if pair[0].is_floating_point()], strict=True
        )
        # Not PyTorch's AveragedModel: it keeps the number of steps on the device, and so waits for a GPU each step.
        update = get_ema_multi_avg_fn(self.plan.average_at(self.step))  # type: ignore[no-untyped-call]
        update(list(averaged), list(current), self.step)

    def _is_due(self, since: float, finished: bool) -> bool:
        """Fixed epochs validate at fixed steps, so that a resumed run keeps the same best; else by the clock."""
        if not self.held or not self.process.leads:
            return False
        if finished:
            return self.progress >= 1
        if self.plan.epochs is not None:
            return self.step % (self.steps_each * max(1, self.plan.epochs // VALIDATIONS)) == 0
        return since > max(12 * self.validation_seconds, 12.0)

    def _validate(self) -> ValidationScores:
        started = time.monotonic()
        verdict = validate(self.averaged, self.held, self.plan.preprocessing, self.device)
        self.validation_seconds = time.monotonic() - started
        if verdict.dice > self.best:
            self.best = verdict.dice
            self._best_weights = {
                name: w.detach().cpu().clone() for name, w in self.averaged.state_dict().items()
            }
            save_checkpoint(self.checkpoint(verdict), self.out / BEST)
        return verdict

    def _point(
        self, rate: float, tally: RunningMetrics, verdict: ValidationScores | None
    ) -> LogEntry:
        dice = tally.dice
        point = LogEntry(
            self.step,
            self.step / self.steps_each,
            self.seconds,
            rate,
            tally.loss,
            dice,
            dice / (2 - dice),
        )
        if verdict:
            point = replace(
                point,
                validation_loss=verdict.loss,
                validation_dice=verdict.dice,
                validation_iou=verdict.iou,
                threshold=verdict.threshold,
            )
        self.points.append(point)
        return point

    def checkpoint(self, verdict: ValidationScores | None = None) -> Checkpoint:
        """The averaged weights; the first working size with the threshold that validation found."""
        first, *others = self.plan.sizes
        if verdict:
            first = replace(first, threshold=verdict.threshold)
        return Checkpoint(
            architecture=self.plan.architecture,
            weights=self.averaged.state_dict(),
            preprocessing=self.plan.preprocessing,
            sizes=(first, *others),
            training_data=self._training_data(),
            evidence={first.name: {"mean": verdict.dice, **verdict.per_set}} if verdict else {},
        )

    def trained(self) -> Checkpoint:
        """The weights that did best on the validation photographs so far, whatever `best.pt` became since."""
        now = self.checkpoint()
        return replace(now, weights=self._best_weights) if self._best_weights else now

    def _training_data(self) -> tuple[TrainingData, ...]:
        """Of this run and of the one that it started from: weights keep the licences of all that they ever saw."""
        seen = {data.name: data for data in self._before}
        for data_set in self.training:
            earlier = seen[data_set.name].photographs if data_set.name in seen else 0
            photographs = max(len(data_set.pairs), earlier)
            seen[data_set.name] = TrainingData(data_set.name, photographs, LICENCES[data_set.name])
        return tuple(seen.values())

    def _save(self) -> None:
        """All that resuming needs; `best.pt` too where nothing was validated yet."""
        if not self.process.leads:
            return
        if not (self.out / BEST).exists():
            save_checkpoint(self.checkpoint(), self.out / BEST)
        write_log(self.points, self.out / LOG)
        state: dict[str, object] = {
            "plan": _identity(self.plan, self.crops),
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "validation_seconds": self.validation_seconds,
            "arithmetic": asdict(self.arithmetic),
            "before": [asdict(data) for data in self._before],
            "start": dict(self.start or {}),
            "best_weights": dict(self._best_weights),
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        write_tensors(state, self.out / LAST)

    def resume(self, state: Mapping[str, object]) -> None:
        """Go on from the state of an earlier sitting (`read_state`).

        Raises:
            ModelError: it is of another run.
        """
        was, now = cast("dict[str, object]", state["plan"]), _identity(self.plan, self.crops)
        differing = [key for key in now if was.get(key) != now[key]]
        if differing:
            shown = ", ".join(f"{key} was {was.get(key)}, is {now[key]}" for key in differing)
            raise ModelError(
                f"{self.out / LAST}: of another run ({shown}); resume with its options, or choose another --out"
            )
        self.step, self.best = cast("int", state["step"]), cast("float", state["best"])
        self._earlier, self.validation_seconds = (
            cast("float", state[key]) for key in ("seconds", "validation_seconds")
        )
        self._before = tuple(
            TrainingData(**d)  # type: ignore[arg-type]
            for d in cast("list[dict[str, object]]", state["before"])
        )
        self.start = cast("Mapping[str, Tensor]", state["start"]) or None
        self._best_weights = cast("Mapping[str, Tensor]", state["best_weights"])
        self.network.load_state_dict(cast("Mapping[str, Tensor]", state["network"]))
        self.averaged.load_state_dict(cast("dict[str, Tensor]", state["averaged"]))
        self.optimizer.load_state_dict(cast("dict[str, object]", state["optimizer"]))
        self.points = read_log(self.out / LOG, self.step)


def read_state(out: Path) -> dict[str, object] | None:
    """What an earlier sitting left in `out`; None where there is nothing to resume.

    Raises:
        ModelError: `last.pt` is damaged or not ours.
    """
    file = out / LAST
    if not file.exists():
        return None
    state = read_tensors(file)
    tensors = {"start", "best_weights", "network", "averaged", "optimizer"}
    wanted = tensors | {
        "plan",
        "step",
        "seconds",
        "best",
        "validation_seconds",
        "arithmetic",
        "before",
    }
    if not wanted <= set(state):
        raise ModelError(
            f"{file}: not a state of `edgeseg train`; remove it to start anew, or choose another --out"
        )
    return state


def arithmetic_of(state: Mapping[str, object]) -> ComputeMode:
    """How the earlier sitting computed: another way would round differently."""
    return ComputeMode(**cast("dict[str, bool]", state["arithmetic"]))


def _identity(plan: TrainConfig, crops: CropSampler) -> dict[str, object]:
    """What must not change between two sittings of a run."""
    plain = {"architecture": plan.architecture.to_dict(), "loss": asdict(plan.loss)}
    names = (
        "crop",
        "batch",
        "crops_each",
        "learning_rate",
        "average",
        "seed",
        "photograph_sizes",
        "coverage",
    )
    chosen = {name: getattr(plan, name) for name in names}
    named = {key: list(v) if isinstance(v, tuple) else v for key, v in chosen.items()}
    return dict(itertools.chain(plain.items(), named.items())) | {
        "photographs": len(crops.photographs)
    }
