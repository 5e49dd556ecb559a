"""Laterality (left or right eye) of a photograph."""

from typing import Literal, TypeAlias

Eye: TypeAlias = Literal["left", "right"]
"""Left or right eye of the patient."""
