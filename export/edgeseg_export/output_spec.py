"""Specification of a network's vessel output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from edgeseg.errors import UsageError


@dataclass(frozen=True)
class OutputSpec:
    """Position and kind of the vessel map among the outputs of a network.

    Attributes:
        index: index of the output, counted from 0.
        kind: `logit` (a sigmoid is added) or `probability`.
    """

    index: int = 0
    kind: Literal["logit", "probability"] = "logit"

    @classmethod
    def parse(cls, text: str) -> OutputSpec:
        """Parse `[INDEX:]logit|probability`.

        Raises:
            UsageError: the text is invalid.
        """
        index, _, kind = text.rpartition(":")
        if kind not in ("logit", "probability") or not (index or "0").isdecimal():
            raise UsageError(
                f"--output {text}: expected logit or probability, or INDEX:logit "
                "for a network with several outputs"
            )
        return cls(int(index or 0), cast("Literal['logit', 'probability']", kind))


FIRST_LOGIT = OutputSpec()
