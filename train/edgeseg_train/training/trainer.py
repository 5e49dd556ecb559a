"""Training loop with AdamW, cosine learning rate, averaged weights, checkpoints and resuming.

Crop order, crops and dropout of a step depend only on the configuration and the number of the step.
With --epochs, this is also true for the learning rate. Therefore, a resumed run gives the same
weights as an uninterrupted run: identical on a CPU, and equal except for rounding on a GPU.
"""

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from edgeseg.datasets import DataSet
from edgeseg_train.checkpoint import (
    Checkpoint,
    TrainingData,
    WorkingSize,
    merge_training_data,
    save_checkpoint,
)
from edgeseg_train.config import RunSchedule, TrainConfig
from edgeseg_train.data.crop_sampler import CropSampler
from edgeseg_train.data.photo_store import Batch
from edgeseg_train.network.resunet import build_network, normalise_photo
from edgeseg_train.reporting.log import LogEntry, read_log, write_log
from edgeseg_train.training.averaging import update_average
from edgeseg_train.training.compute import ComputeMode, DistributedContext
from edgeseg_train.training.losses import RunningMetrics, total_loss
from edgeseg_train.training.state import BEST, LAST, LOG, SavedState, describe_config
from edgeseg_train.validation import (
    INTERPOLATION_WEIGHTS,
    CachedPair,
    ValidationScores,
    validate_network,
)

# Seconds until `last.pt` is first saved, seconds between two saves, and seconds between two log
# entries.
FIRST_SAVE_SECONDS = 8.0
SAVE_SECONDS = 30.0
LOG_SECONDS = 5.0


class Trainer:
    """Training run with networks, optimizer and training loop.

    Args:
        config: hyperparameters.
        out: folder for `best.pt`, `last.pt` and `log.csv`.
        data_sets: training data sets to store in the checkpoint.
        crops: sampler of training crops.
        validation_pairs: validation photographs; used only in the main process.
        device: device for training.
        compute_mode: precision and memory format.
        process: position of this process in the run.
        started: value of `time.monotonic()` at the start of the session; by default now.
    """

    def __init__(
        self,
        config: TrainConfig,
        out: Path,
        data_sets: Sequence[DataSet],
        crops: CropSampler,
        validation_pairs: Sequence[CachedPair],
        device: torch.device,
        compute_mode: ComputeMode,
        process: DistributedContext = DistributedContext(),
        started: float | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.out = out
        self.data_sets = data_sets
        self.crops = crops
        self.validation_pairs = validation_pairs
        self.device = device
        self.compute_mode = compute_mode
        self.process = process

        self.step = 0
        self.log: list[LogEntry] = []
        self.best_dice = -1.0
        self.start_weights: Mapping[str, Tensor] | None = None
        self._best_weights: Mapping[str, Tensor] = {}
        self._earlier_data: tuple[TrainingData, ...] = ()

        self.network = compute_mode.move_network(build_network(config.architecture), device)
        self.averaged = copy.deepcopy(self.network).eval()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        crops_per_epoch = len(crops.photographs) * config.crops_per_photograph
        self.steps_per_epoch = max(1, round(crops_per_epoch / config.batch))
        self.schedule = RunSchedule(config, self.steps_per_epoch, started or time.monotonic())
        self._parallel: nn.Module = self.network
        if process.world_size > 1:
            self._parallel = DistributedDataParallel(self.network)

    def start_from(self, checkpoint: Checkpoint) -> None:
        """Load the weights of another run, and store its training data."""
        self.start_weights = dict(checkpoint.weights)
        for network in (self.network, self.averaged):
            network.load_state_dict(self.start_weights)
        self._earlier_data = checkpoint.training_data

    @property
    def progress(self) -> float:
        """Finished share of the run. The share is 1 or more at the end."""
        candidates = len(INTERPOLATION_WEIGHTS) if self.start_weights else 1
        return self.schedule.progress_at(self.step, candidates)

    def run(
        self, report: Callable[[LogEntry, float], None], should_stop: Callable[[], bool]
    ) -> bool:
        """Train to the end of the run and write `best.pt`, `last.pt` and `log.csv`.

        Args:
            report: callback for a log entry and the progress (0 to 1), called every few seconds.
            should_stop: callback after each step. If the callback returns True, the run is saved
                and stops.

        Returns:
            Whether the end of the run was reached.
        """
        saved = validated = logged = time.monotonic()
        save_interval = FIRST_SAVE_SECONDS
        metrics = RunningMetrics()
        progress, stopped = self.process.share_decision(self.progress, False, self.device)
        if progress >= 1:
            return True
        for batch in self.crops.iterate_from(self.step):
            learning_rate = self.config.learning_rate_at(progress)
            self._train_step(batch, learning_rate, metrics)
            progress, stopped = self.process.share_decision(
                self.progress, should_stop(), self.device
            )
            now = time.monotonic()
            finished = stopped or progress >= 1
            scores = None
            if self._validation_is_due(now - validated, finished):
                scores = self._validate()
                validated = time.monotonic()
            if scores or finished or now - logged > LOG_SECONDS:
                report(self._add_log_entry(learning_rate, metrics, scores), progress)
                metrics = RunningMetrics()
                logged = now
            if scores or finished or now - saved > save_interval:
                self.save()
                saved = time.monotonic()
                save_interval = SAVE_SECONDS
            if finished:
                break
        return not stopped

    def _train_step(self, batch: Batch, learning_rate: float, metrics: RunningMetrics) -> None:
        # The seed of dropout is derived from the step and the process.
        torch.manual_seed((self.config.seed * 1_000_003 + self.step) * 64 + self.process.rank)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self._set_training_mode()
        photo = normalise_photo(batch.photo.to(self.device), self.config.preprocessing)
        photo = photo.contiguous(memory_format=self.compute_mode.memory_format)
        truth, counted = batch.truth.to(self.device), batch.counted.to(self.device)
        with self.compute_mode.autocast(self.device):
            logits: Tensor = self._parallel(photo)
        loss = total_loss(logits.float(), truth, counted, self.config.loss)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_gradient_norm)
        self.optimizer.step()
        decay = self.config.average_decay_at(self.step)
        update_average(self.averaged, self.network, decay, self.step)
        self.step += 1
        metrics.add(loss.detach(), logits.detach(), truth, counted)

    def _set_training_mode(self) -> None:
        self._parallel.train()
        if self.config.frozen_statistics:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def _validation_is_due(self, seconds_since: float, finished: bool) -> bool:
        if not self.validation_pairs or not self.process.is_main:
            return False
        if finished:
            return self.progress >= 1
        return self.schedule.validation_is_due(self.step, seconds_since)

    def _validate(self) -> ValidationScores:
        started = time.monotonic()
        scores = validate_network(
            self.averaged,
            self.validation_pairs,
            self.config.preprocessing,
            self.device,
            self.config.loss,
        )
        self.schedule.validation_seconds = time.monotonic() - started
        if scores.dice > self.best_dice:
            self.best_dice = scores.dice
            self._best_weights = {
                name: weight.detach().cpu().clone()
                for name, weight in self.averaged.state_dict().items()
            }
            save_checkpoint(self._make_checkpoint(scores), self.out / BEST)
        return scores

    def _add_log_entry(
        self, learning_rate: float, metrics: RunningMetrics, scores: ValidationScores | None
    ) -> LogEntry:
        dice = metrics.dice
        validation = (scores.loss, scores.dice, scores.iou, scores.threshold) if scores else ()
        entry = LogEntry(
            self.step,
            self.step / self.steps_per_epoch,
            self.schedule.seconds,
            learning_rate,
            metrics.loss,
            dice,
            dice / (2 - dice),
            *validation,
        )
        self.log.append(entry)
        return entry

    def _make_checkpoint(self, scores: ValidationScores | None = None) -> Checkpoint:
        """Return the averaged weights with threshold and Dice for the first working size."""
        first, *others = self.config.sizes
        evidence = {}
        if scores:
            first = WorkingSize(first.name, first.size, scores.threshold)
            evidence[first.name] = {"mean": scores.dice, **scores.per_set}
        return Checkpoint(
            architecture=self.config.architecture,
            weights=self.averaged.state_dict(),
            preprocessing=self.config.preprocessing,
            sizes=(first, *others),
            training_data=merge_training_data(self._earlier_data, self.data_sets),
            evidence=evidence,
        )

    def best_checkpoint(self) -> Checkpoint:
        """Return the checkpoint with the best validation Dice.

        If there was no validation, return the last weights.
        """
        checkpoint = self._make_checkpoint()
        return replace(checkpoint, weights=self._best_weights or checkpoint.weights)

    def save(self) -> None:
        """Save `last.pt` and `log.csv`. Before the first validation, also save `best.pt`."""
        if not self.process.is_main:
            return
        if not (self.out / BEST).exists():
            save_checkpoint(self._make_checkpoint(), self.out / BEST)
        write_log(self.log, self.out / LOG)
        SavedState(
            config=describe_config(self.config, len(self.crops.photographs)),
            step=self.step,
            seconds=self.schedule.seconds,
            best_dice=self.best_dice,
            validation_seconds=self.schedule.validation_seconds,
            compute_mode=self.compute_mode,
            earlier_data=list(self._earlier_data),
            start_weights=dict(self.start_weights or {}),
            best_weights=dict(self._best_weights),
            network=self.network.state_dict(),
            averaged=self.averaged.state_dict(),
            optimizer=self.optimizer.state_dict(),
        ).save(self.out)

    def resume(self, state: SavedState) -> None:
        """Continue from the state of an earlier session.

        Raises:
            ModelError: the state belongs to a different run.
        """
        state.check_config(
            describe_config(self.config, len(self.crops.photographs)), self.out / LAST
        )
        self.step = state.step
        self.best_dice = state.best_dice
        self.schedule.validation_seconds = state.validation_seconds
        self.schedule.earlier_seconds = state.seconds
        self._earlier_data = tuple(state.earlier_data)
        self.start_weights = state.start_weights or None
        self._best_weights = state.best_weights
        state.restore(self.network, self.averaged, self.optimizer, self.out / LAST)
        self.log = read_log(self.out / LOG, self.step)
