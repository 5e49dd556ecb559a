"""Measurement of the time of each processing stage."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias, get_args

# Stages in processing order. `write` writes and renames an encoded file.
Stage: TypeAlias = Literal[
    "decode",
    "field_of_view",
    "quality",
    "preprocess",
    "infer",
    "postprocess",
    "measure",
    "encode",
    "write",
    "video",
]

STAGES: tuple[Stage, ...] = get_args(Stage)


class StageTimer:
    """Total time of each stage.

    Attributes:
        ms: milliseconds per stage, in the order of the first use.
    """

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Measure the `with` block and add its time to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.ms[name] = self.ms.get(name, 0.0) + ((time.perf_counter() - start) * 1e3)
