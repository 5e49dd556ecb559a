"""Progress of a training run and the times of its validations."""

from __future__ import annotations

import time

from edgeseg_train.config import TrainConfig

# Maximum number of validations in a run of fixed epochs.
MAX_VALIDATIONS = 50

# Run of fixed minutes: time between validations, as a multiple of a validation's duration.
VALIDATION_INTERVAL = 12

# Run of fixed minutes: minimum time between validations.
MIN_VALIDATION_SECONDS = 12.0


class RunSchedule:
    """Clock of a run of fixed epochs or fixed minutes.

    Args:
        config: hyperparameters.
        steps_per_epoch: number of steps in an epoch.
        started: start of the session as `time.monotonic()`; default is now.

    Attributes:
        earlier_seconds: duration of earlier sessions.
        validation_seconds: duration of the last validation.
        closing_seconds: time needed after the last step, besides validation.
        final_candidates: number of networks that are validated after the last step.
    """

    def __init__(
        self, config: TrainConfig, steps_per_epoch: int, started: float | None = None
    ) -> None:
        self.config = config
        self.steps_per_epoch = steps_per_epoch
        self.earlier_seconds = 0.0
        self.validation_seconds = 0.0
        self.closing_seconds = 0.0
        self.final_candidates = 1
        self._started = time.monotonic() if started is None else started

    @property
    def seconds(self) -> float:
        """Duration of all sessions, loading and validation included."""
        return self.earlier_seconds + time.monotonic() - self._started

    def progress_at(self, step: int) -> float:
        """Return the finished share of the run; 1 or more at its end.

        A run of fixed minutes reserves time for the last validations. At other working sizes they
        take longer, in proportion to the pixels.
        """
        if self.config.minutes is None:
            return step / ((self.config.epochs or 1) * self.steps_per_epoch)
        first_size = self.config.sizes[0].size
        relative_cost = sum((size.size / first_size) ** 2 for size in self.config.sizes)
        validations = 2 + 2 * self.final_candidates * relative_cost
        reserved = validations * self.validation_seconds + self.closing_seconds
        return self.seconds / max(60 * self.config.minutes - reserved, 1.0)

    def validation_is_due(self, step: int, seconds_since: float) -> bool:
        """Return whether to validate before the end of the run.

        A run of fixed epochs validates at fixed steps, so that a resumed run selects the same
        weights. A run of fixed minutes validates by time.

        Args:
            step: number of finished steps.
            seconds_since: time since the last validation.
        """
        if self.config.epochs is not None:
            epochs = max(1, self.config.epochs // MAX_VALIDATIONS)
            return step % (self.steps_per_epoch * epochs) == 0
        interval = max(VALIDATION_INTERVAL * self.validation_seconds, MIN_VALIDATION_SECONDS)
        return seconds_since > interval
