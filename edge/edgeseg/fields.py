"""Reading a record from JSON that anyone may have written: every error names the place and what was expected there."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

MOST_ENTRIES = 100_000
"""Of a list: no bench has more, and a made-up file costs no more time than these."""
MOST_WHOLE = 2.0**53
"""Up to here a float holds every whole number."""
_LONGEST_TEXT = 2000


class Fields:
    """One JSON object and where it stands.

    Args:
        value: as `json.loads` gave it.
        where: its place, for errors (`rows[2].network_ms`).

    Raises:
        ValueError: it is no object; each reading method too, where a key is missing or holds something else.
    """

    def __init__(self, value: object, where: str = "") -> None:
        if not isinstance(value, Mapping):
            raise ValueError(f"{where or 'the file'}: expected an object, found {_shown(value)}")
        self._values: Mapping[str, object] = value
        self.where = where

    def place(self, key: str) -> str:
        """Of a key, as errors name it."""
        return f"{self.where}.{key}" if self.where else key

    def has(self, key: str) -> bool:
        """It is there, and not null."""
        return self._values.get(key) is not None

    def value(self, key: str) -> object:
        """Whatever stands there; None where nothing does."""
        return self._values.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """One line without control characters."""
        value = self._get(key, default)
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
            self._refuse(key, "one line of text", value)
        assert isinstance(value, str)
        return value

    def number(self, key: str, low: float = 0.0, high: float = math.inf) -> float:
        """A finite number from `low` to `high`."""
        value = self._get(key, None)
        if not _is_finite(value) or not low <= float(value) <= high:  # type: ignore[arg-type]
            span = f"of at least {low:g}" if high >= MOST_WHOLE else f"from {low:g} to {high:g}"
            self._refuse(key, f"a number {span}", value)
        return float(value)  # type: ignore[arg-type]

    def optional_number(self, key: str, low: float = 0.0, high: float = math.inf) -> float | None:
        """As `number`; None where it is null or missing."""
        return self.number(key, low, high) if self.has(key) else None

    def word(self, key: str, known: Collection[str]) -> str:
        """One of the known words."""
        value = self.text(key)
        if value not in known:
            self._refuse(key, f"one of {', '.join(known)}", value)
        return value

    def whole(self, key: str, low: int = 0, high: float = MOST_WHOLE) -> int:
        """A whole number from `low` to `high`."""
        value = self.number(key, low, high)
        if not value.is_integer():
            self._refuse(key, "a whole number", value)
        return int(value)

    def optional_whole(self, key: str, low: int = 0) -> int | None:
        """As `whole`; None where it is null or missing."""
        return self.whole(key, low) if self.has(key) else None

    def flag(self, key: str) -> bool:
        """True or false; false where it is missing."""
        value = self._get(key, False)
        if not isinstance(value, bool):
            self._refuse(key, "true or false", value)
        return bool(value)

    def inner(self, key: str) -> Fields:
        """The object under a key."""
        return Fields(self._get(key, None), self.place(key))

    def optional_inner(self, key: str) -> Fields | None:
        """As `inner`; None where it is null or missing."""
        return self.inner(key) if self.has(key) else None

    def each(self, key: str) -> Iterator[Fields]:
        """The objects of the list under a key."""
        for k, value in enumerate(self._list(key)):
            yield Fields(value, f"{self.place(key)}[{k}]")

    def texts(self, key: str) -> tuple[str, ...]:
        """The lines of the list under a key; empty where it is null or missing."""
        values = self._list(key) if self.has(key) else []
        entries = Fields({str(k): value for k, value in enumerate(values)}, self.place(key))
        return tuple(entries.text(str(k)) for k in range(len(values)))

    def names(self) -> list[str]:
        """All of them, printable."""
        for key in self._values:
            if not isinstance(key, str) or not key.isprintable() or len(key) > _LONGEST_TEXT:
                raise ValueError(f"{self.where or 'the file'}: {_shown(key)} is no name")
        return list(self._values)

    def _list(self, key: str) -> list[object]:
        value = self._get(key, None)
        if not isinstance(value, list) or len(value) > MOST_ENTRIES:
            self._refuse(key, f"a list of at most {MOST_ENTRIES}", value)
        assert isinstance(value, list)
        return value

    def _get(self, key: str, default: object) -> object:
        value = self._values.get(key, default)
        if value is None and default is None:
            found = "null" if key in self._values else "nothing"
            raise ValueError(f"{self.place(key)}: found {found}; it is needed")
        return value

    def _refuse(self, key: str, wanted: str, value: object) -> None:
        raise ValueError(f"{self.place(key)}: expected {wanted}, found {_shown(value)}")


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= 2**1000 if isinstance(value, int) else math.isfinite(value)


def _shown(value: object) -> str:
    """Short, on one line."""
    if isinstance(value, (Mapping, list)):
        return "an object" if isinstance(value, Mapping) else f"a list of {len(value)}"
    return ascii(value)[:60]
