"""Scores of photographs and data sets against manual masks, as stored in JSON."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec

OK = "ok"
"""Status of a scored photograph. Any other status is the reason for the failure."""

HEADINGS = {
    "dice": "Dice",
    "iou": "IoU",
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "auc": "AUC",
}
"""Table headings of the pixel scores. The keys are the first fields of `Scores`, in this order."""

STRUCTURE_HEADINGS = {
    "cldice": "clDice",
    "thin_sensitivity": "sensitivity, thin vessels",
    "vessel_density_difference": "vessel density",
    "skeleton_density_difference": "skeleton density",
}
"""Table headings of the structure scores. The keys are the other fields of `Scores`."""

# msgspec checks these limits when JSON is read, but not when an object is created.
Score = Annotated[float, msgspec.Meta(ge=0, le=1)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
ShortText = Annotated[str, msgspec.Meta(max_length=2000)]


class StructureScores(msgspec.Struct, frozen=True):
    """Scores of the vessel structure.

    Attributes:
        cldice: harmonic mean of the share of the predicted skeleton in the manual mask and the
            share of the manual skeleton in the predicted mask (Shit et al. 2021). If a skeleton
            is empty, the value is 1 if both masks are equal, and 0 otherwise.
        thin_sensitivity: share of the manual skeleton's pixels on thin vessels that are predicted;
            None if the manual mask has no thin vessels. A vessel is thin if 2 x distance transform
            - 1 is less than 3 pixels, scaled to a field of view of 1000 pixels.
        vessel_density_difference: absolute difference between predicted and manual vessel density.
        skeleton_density_difference: absolute difference between predicted and manual skeleton
            density, relative to the diameter of the field of view.
    """

    cldice: Score
    thin_sensitivity: Score | None
    vessel_density_difference: Score
    skeleton_density_difference: NonNegative


class Scores(msgspec.Struct, frozen=True):
    """Scores of a mask. `edgeseg.evaluation.metrics` defines the pixel scores, each 0 to 1.

    `auc` is None if it is undefined, because there are no vessel pixels, no background pixels, or
    no probability. The fields of `StructureScores` are None if they were not computed.
    """

    dice: Score
    iou: Score
    accuracy: Score
    sensitivity: Score
    specificity: Score
    auc: Score | None = None
    cldice: Score | None = None
    thin_sensitivity: Score | None = None
    vessel_density_difference: Score | None = None
    skeleton_density_difference: NonNegative | None = None


class PhotographScores(msgspec.Struct, frozen=True):
    """Scores of one photograph, as stored in JSON.

    Attributes:
        name: name of the photograph, unique in its data set.
        dice: Dice. All scores are None if the photograph could not be scored.
        status: `ok`, or the reason for the failure.
    """

    name: ShortText
    dice: Score | None = None
    iou: Score | None = None
    accuracy: Score | None = None
    sensitivity: Score | None = None
    specificity: Score | None = None
    auc: Score | None = None
    cldice: Score | None = None
    thin_sensitivity: Score | None = None
    vessel_density_difference: Score | None = None
    skeleton_density_difference: NonNegative | None = None
    status: ShortText = OK

    @classmethod
    def from_scores(cls, name: str, scores: Scores) -> PhotographScores:
        """Create the entry of a scored photograph."""
        return cls(name, *msgspec.structs.astuple(scores))

    def __post_init__(self) -> None:
        """Check that a photograph with status `ok` has its scores."""
        if self.status == OK and None in msgspec.structs.astuple(self)[1:6]:
            raise ValueError("the status is ok, but a score is null")

    @property
    def scores(self) -> Scores | None:
        """Scores of the photograph; None if it could not be scored."""
        if self.status != OK:
            return None
        return Scores(*msgspec.structs.astuple(self)[1:-1])


class DataSetScores(msgspec.Struct, frozen=True):
    """Scores of the photographs of a data set, and their means.

    Attributes:
        name: name on the command line (`drive`, ...).
        split: `train`, `validation`, `test` or `all`.
        photographs: photographs in the order of the data set, including those that failed.
    """

    name: ShortText
    split: ShortText
    photographs: tuple[PhotographScores, ...]

    def __post_init__(self) -> None:
        """Check that the names of the photographs are unique."""
        if len({photograph.name for photograph in self.photographs}) < len(self.photographs):
            raise ValueError("two photographs have the same name")

    @property
    def scored(self) -> tuple[Scores, ...]:
        """Scores of the photographs that could be scored."""
        scores = (photograph.scores for photograph in self.photographs)
        return tuple(entry for entry in scores if entry is not None)

    @property
    def failed(self) -> int:
        """Number of photographs that could not be scored. The means exclude them."""
        return len(self.photographs) - len(self.scored)

    @property
    def mean(self) -> Scores | None:
        """Mean of each score over the photographs with this score; None if there are no scores.

        The sum is rounded only once, so that the mean does not depend on the order of the
        photographs.
        """
        scored = self.scored
        if not scored:
            return None
        means: dict[str, float] = {}
        for name in Scores.__struct_fields__:
            values = [getattr(scores, name) for scores in scored]
            defined = [value for value in values if value is not None]
            if defined:
                means[name] = math.fsum(defined) / len(defined)
        return Scores(**means)

    def to_dict(self) -> dict[str, object]:
        """Return the JSON object with counts, means (`dice_mean`, ...) and every photograph."""
        return {
            "name": self.name,
            "split": self.split,
            "scored": len(self.scored),
            "failed": self.failed,
            **{f"{name}_mean": value for name, value in scores_by_name(self.mean).items()},
            "photographs": msgspec.to_builtins(list(self.photographs)),
        }


def scores_by_name(scores: Scores | None) -> dict[str, float | None]:
    """Return a dict from name to score. All scores are None if the photograph was not scored."""
    if scores is None:
        return dict.fromkeys(Scores.__struct_fields__)
    return msgspec.structs.asdict(scores)
