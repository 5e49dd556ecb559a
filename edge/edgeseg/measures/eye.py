"""Laterality (left or right eye) of a photograph."""

from typing import Literal, TypeAlias

Eye: TypeAlias = Literal["left", "right"]
"""Left or right eye of the patient."""

_NAMES: dict[str, Eye] = {
    "left": "left", "l": "left", "os": "left", "right": "right", "r": "right", "od": "right",
}  # fmt: skip


def parse_eye(text: str) -> Eye | None:
    """Return the eye for left, right, L, R, OS or OD, ignoring case; None for other text."""
    return _NAMES.get(text.strip().casefold())
