"""Detection methods for the field of view. A model's preprocessing specifies the method."""

from typing import Literal, TypeAlias

FovMethod: TypeAlias = Literal["found", "grey10", "none"]
