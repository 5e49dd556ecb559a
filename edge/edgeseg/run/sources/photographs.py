"""Photographs: files, and one on standard input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgeseg.run.frame import Frame
from edgeseg.run.inputs import Input
from edgeseg.system.signals import StopRequest


class Photographs:
    """Photographs that were named, each of them once."""

    name = stem = "photographs"
    live = False
    fps = None

    def __init__(self, inputs: Sequence[Input]) -> None:
        self.inputs = inputs

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.inputs)

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Each of them in turn; read when it is loaded."""
        for photograph in self.inputs:
            if stop.asked:
                return
            yield Frame(photograph.name, photograph.stem, photograph.read_bytes)
