"""Detection methods for the field of view, by name in a model's preprocessing."""

from typing import Literal, TypeAlias

FovMethod: TypeAlias = Literal["found", "grey10", "none"]
