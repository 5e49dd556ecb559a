"""A bound of a bench: what something costs against a yardstick that was measured in turns with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from edgeseg.evaluation.scores import OK
from edgeseg.fields import Fields

BoundUnit: TypeAlias = Literal["ratio", "bytes"]


@dataclass(frozen=True)
class Bound:
    """A cost against its yardstick. A figure is None where it could not be measured; all are where `status` says why.

    Attributes:
        name: of the cost, in words.
        against: the yardstick, in words.
        unit: of `value` and `aim`: `ratio`, how many yardsticks of time, or `bytes`, memory above the yardstick's.
        aim: the largest value that is wanted.
        value: median over the rounds of the ratio, or of the difference, in each round.
        cost: median over the rounds, in milliseconds where the unit is `ratio`, else in bytes.
        yardstick: as `cost`.
        note: what it was measured on, in words.
        status: `ok`, or the reason why it could not be measured.
    """

    name: str
    against: str
    unit: BoundUnit
    aim: float
    value: float | None = None
    cost: float | None = None
    yardstick: float | None = None
    note: str = ""
    status: str = OK

    @property
    def reached(self) -> bool:
        """The value is at most the aim; false where there is none."""
        return self.value is not None and self.value <= self.aim

    def to_dict(self) -> dict[str, object]:
        """As in JSON; `cost` and `yardstick` bear their unit, `_ms` or `_bytes`."""
        spent = _spent(self.unit)
        return {
            "name": self.name,
            "against": self.against,
            "value": self.value,
            "unit": self.unit,
            "aim": self.aim,
            f"cost_{spent}": self.cost,
            f"yardstick_{spent}": self.yardstick,
            "note": self.note,
            "status": self.status,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Bound:
        """From what `to_dict` gives.

        Raises:
            ValueError: a key is missing or makes no sense; the message names it.
        """
        unit: BoundUnit = (
            "ratio" if fields.word("unit", get_args(BoundUnit)) == "ratio" else "bytes"
        )
        spent = _spent(unit)
        bound = cls(
            name=fields.text("name"),
            against=fields.text("against"),
            unit=unit,
            aim=fields.number("aim"),
            value=fields.optional_number("value", -math.inf),
            cost=fields.optional_number(f"cost_{spent}"),
            yardstick=fields.optional_number(f"yardstick_{spent}"),
            note=fields.text("note", ""),
            status=fields.text("status", OK),
        )
        if bound.status == OK and None in (bound.value, bound.cost, bound.yardstick):
            raise ValueError(
                f"{fields.where}: its status is ok, but value, cost_{spent} or yardstick_{spent} is null"
            )
        return bound


def _spent(unit: BoundUnit) -> str:
    return "ms" if unit == "ratio" else "bytes"
