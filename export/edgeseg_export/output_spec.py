"""Specification of a network's vessel output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeGuard, get_args

from edgeseg.errors import UsageError

OutputKind: TypeAlias = Literal["logit", "probability", "softmax"]


@dataclass(frozen=True)
class OutputSpec:
    """Position and kind of the vessel map in the outputs of a network.

    Attributes:
        output: name or index of the output (a negative index counts from the end); None if the
            network has one output map.
        kind: `logit` (a sigmoid is added), `softmax` (logits of several classes, a softmax is
            added) or `probability`.
        channel: channel of the vessels; None for the only channel, or for the second of two
            classes.
    """

    output: int | str | None = None
    kind: OutputKind = "logit"
    channel: int | None = None

    @classmethod
    def parse(cls, text: str) -> OutputSpec:
        """Parse `[OUTPUT:]KIND[:CHANNEL]`, or only `OUTPUT` for a logit.

        Raises:
            UsageError: The text is invalid.
        """
        parts = text.split(":")
        channel = None
        if len(parts) > 1 and _is_kind(parts[-2]) and _is_integer(parts[-1]):
            channel = int(parts.pop())
        kind: OutputKind = "logit"
        if _is_kind(parts[-1]):
            kind = parts.pop()  # type: ignore[assignment]  # checked by `_is_kind`
        output = parts[0] if parts else None
        if len(parts) > 1 or output == "":
            raise UsageError(
                f"--output {text}: expected [OUTPUT:]logit|probability|softmax[:CHANNEL]. "
                "OUTPUT is an index or a name, such as --output 1:logit or --output out:softmax:1."
            )
        if output is not None and _is_integer(output):
            return cls(int(output), kind, channel)
        return cls(output, kind, channel)

    def __str__(self) -> str:
        output = 0 if self.output is None else self.output
        suffix = "" if self.channel is None else f":{self.channel}"
        return f"{output}:{self.kind}{suffix}"


def _is_kind(text: str) -> TypeGuard[OutputKind]:
    return text in get_args(OutputKind)


def _is_integer(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and text.isascii()


ONLY_LOGIT = OutputSpec()
