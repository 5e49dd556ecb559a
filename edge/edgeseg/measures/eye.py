"""Laterality: which eye a photograph shows."""

from typing import Literal, TypeAlias

Eye: TypeAlias = Literal["left", "right"]
"""Left or right eye of the patient."""
