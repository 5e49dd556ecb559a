"""What the gate may find, and how far things may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["held", "worse", "incomparable", "not judged", "not compared"]
"""`incomparable` closes the gate; `not judged` has no limit; `not compared` is what this device or this call leaves
out, and says so."""

ROUNDING = 1e-9
"""A change of exactly its limit is within it, whatever the last binary digit says."""


@dataclass(frozen=True)
class GateLimits:
    """The largest changes for the worse.

    Attributes:
        dice_drop: of a data set's mean Dice.
        photograph_drop: of one photograph's Dice.
        size_growth: of the file, as a share of its size in the baseline.
        latency_ratio: of time over the first row's time, now over in the baseline; None leaves time unjudged.
        memory_ratio: of memory, likewise.
    """

    dice_drop: float = 0.002
    photograph_drop: float = 0.02
    size_growth: float = 0.02
    latency_ratio: float | None = None
    memory_ratio: float | None = None


@dataclass(frozen=True)
class MetricComparison:
    """One thing that was compared.

    Attributes:
        row: of the bench, in words.
        what: was compared.
        outcome: decides the truth value.
        before: in the baseline, in words.
        now: in the current bench, in words.
        change: and its limit, or the reason why it is worse or was not compared.
    """

    row: str
    what: str
    outcome: Outcome
    before: str = ""
    now: str = ""
    change: str = ""

    def __bool__(self) -> bool:
        return self.outcome in ("held", "not judged", "not compared")

    def __str__(self) -> str:
        figures = f" {self.before} -> {self.now}" if self.before and self.now else ""
        return f"{self.row}: {self.what}{figures} ({self.change})"


@dataclass(frozen=True)
class GateResult:
    """Everything that was compared; true where the gate opens."""

    verdicts: tuple[MetricComparison, ...]

    def __bool__(self) -> bool:
        return all(self.verdicts) and bool(self.of("held"))

    def of(self, outcome: Outcome) -> Sequence[MetricComparison]:
        """Those verdicts, in order."""
        return [verdict for verdict in self.verdicts if verdict.outcome == outcome]


def at_most(
    row: str, what: str, change: float, limit: float | None, words: Words
) -> MetricComparison:
    """Held up to the limit, which NaN never is; not judged where there is none.

    Args:
        row: of the bench, in words.
        what: was compared.
        change: for the worse.
        limit: of that.
        words: before, now and the change.
    """
    if limit is None:
        return MetricComparison(row, what, "not judged", *words)
    held = change <= limit + ROUNDING
    return MetricComparison(row, what, "held" if held else "worse", *words)


Words: TypeAlias = tuple[str, str, str]
