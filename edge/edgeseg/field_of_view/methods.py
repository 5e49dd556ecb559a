"""Methods of detecting the field of view, by their names in a model's preprocessing."""

from typing import Literal, TypeAlias

FovMethod: TypeAlias = Literal["found", "grey10", "none"]
