"""Methods of detecting the field of view, by the names that a model's preprocessing stores."""

from typing import Literal, TypeAlias

FovMethod: TypeAlias = Literal["found", "grey10", "none"]
