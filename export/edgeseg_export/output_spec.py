"""Which of a network's outputs holds the vessels, and as what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from edgeseg.errors import UsageError


@dataclass(frozen=True)
class OutputSpec:
    """Where in what a network returns the vessels are, and whether as logit or as probability.

    Attributes:
        index: of the output, where it returns several.
        kind: `logit` gets a sigmoid, `probability` is taken as it is.
    """

    index: int = 0
    kind: Literal["logit", "probability"] = "logit"

    @classmethod
    def parse(cls, text: str) -> OutputSpec:
        """From `[INDEX:]logit|probability`.

        Raises:
            UsageError: the text is neither.
        """
        index, _, kind = text.rpartition(":")
        if kind not in ("logit", "probability") or not (index or "0").isdecimal():
            raise UsageError(
                f"--output {text}: expected logit or probability, or INDEX:logit where there are several"
            )
        return cls(int(index or 0), cast("Literal['logit', 'probability']", kind))


FIRST_LOGIT = OutputSpec()
