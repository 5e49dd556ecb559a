"""What is known of photographs and data sets: scores against manual masks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from edgeseg.fields import Fields

OK = "ok"
"""Status of what could be measured; else the status is the reason why it could not."""


@dataclass(frozen=True)
class Scores:
    """How well vessels were found, each 0 to 1, definitions in `edgeseg.evaluation.metrics`.

    `auc` is None where it is not defined: without a vessel, or without background.
    """

    dice: float
    iou: float
    accuracy: float
    sensitivity: float
    specificity: float
    auc: float | None

    @classmethod
    def from_fields(cls, fields: Fields) -> Scores:
        """From the scores in a photograph's entry.

        Raises:
            ValueError: one is missing, or not from 0 to 1; the message names it.
        """
        dice, iou, accuracy, sensitivity, specificity = (
            fields.number(name, 0, 1) for name in list(HEADINGS)[:-1]
        )
        return cls(
            dice, iou, accuracy, sensitivity, specificity, fields.optional_number("auc", 0, 1)
        )


HEADINGS = {
    "dice": "Dice",
    "iou": "IoU",
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "auc": "AUC",
}
"""Of the tables' columns; the keys are those of `Scores`, in its order."""


@dataclass(frozen=True)
class PhotographScores:
    """One photograph's scores.

    Attributes:
        name: unique in its data set.
        scores: None where it could not be scored.
        status: `ok`, or the reason why it could not be scored.
    """

    name: str
    scores: Scores | None
    status: str = OK

    def to_dict(self) -> dict[str, object]:
        """As in JSON; figures are null where there are none."""
        return {"name": self.name, **format_scores(self.scores), "status": self.status}

    @classmethod
    def from_fields(cls, fields: Fields) -> PhotographScores:
        """From what `to_dict` gives.

        Raises:
            ValueError: a figure is missing or makes no sense; the message names it.
        """
        status = fields.text("status", OK)
        return cls(
            fields.text("name"), Scores.from_fields(fields) if status == OK else None, status
        )


@dataclass(frozen=True)
class DataSetScores:
    """A data set's photographs and their mean.

    Attributes:
        name: as on the command line (`drive`, ...).
        split: `train`, `validation`, `test` or `all`.
        photographs: in the data set's order, those that could not be scored included.
    """

    name: str
    split: str
    photographs: tuple[PhotographScores, ...]

    @property
    def scored(self) -> tuple[Scores, ...]:
        """Of the photographs that could be scored; the mean is over these."""
        return tuple(
            photograph.scores for photograph in self.photographs if photograph.scores is not None
        )

    @property
    def failed(self) -> int:
        """Photographs that could not be scored; a mean without them is told with their number."""
        return len(self.photographs) - len(self.scored)

    @property
    def mean(self) -> Scores | None:
        """Of each score over the photographs that have it; None where no photograph could be scored."""
        if not self.scored:
            return None
        aucs = [scores.auc for scores in self.scored if scores.auc is not None]
        return Scores(
            dice=_mean(scores.dice for scores in self.scored),
            iou=_mean(scores.iou for scores in self.scored),
            accuracy=_mean(scores.accuracy for scores in self.scored),
            sensitivity=_mean(scores.sensitivity for scores in self.scored),
            specificity=_mean(scores.specificity for scores in self.scored),
            auc=_mean(aucs) if aucs else None,
        )

    def to_dict(self) -> dict[str, object]:
        """As in JSON: `dice_mean`, ..., how many photographs these are over, and each photograph."""
        return {
            "name": self.name,
            "split": self.split,
            "scored": len(self.scored),
            "failed": self.failed,
            **{f"{score}_mean": value for score, value in format_scores(self.mean).items()},
            "photographs": [photograph.to_dict() for photograph in self.photographs],
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> DataSetScores:
        """From what `to_dict` gives.

        Raises:
            ValueError: a photograph makes no sense or comes twice, or `dice_mean` is not the mean; the message says so.
        """
        photographs = tuple(
            PhotographScores.from_fields(each) for each in fields.each("photographs")
        )
        if len({photograph.name for photograph in photographs}) < len(photographs):
            raise ValueError(f"{fields.place('photographs')}: a photograph comes twice")
        evidence = cls(fields.text("name"), fields.text("split"), photographs)
        told = fields.optional_number("dice_mean", 0, 1)
        mean = None if evidence.mean is None else evidence.mean.dice
        if (told is None) != (mean is None) or (
            told is not None and mean is not None and abs(told - mean) > 1e-9
        ):
            raise ValueError(
                f"{fields.place('dice_mean')}: {told} is not the mean of its photographs, {mean}"
            )
        return evidence


def format_scores(scores: Scores | None) -> dict[str, float | None]:
    """As in JSON: each score by its name, None where there are none."""
    return dict.fromkeys(HEADINGS) if scores is None else asdict(scores)


def _mean(values: Iterable[float]) -> float:
    """Exactly rounded, so that the photographs' order does not show in the last digit."""
    numbers = list(values)
    return math.fsum(numbers) / len(numbers)
