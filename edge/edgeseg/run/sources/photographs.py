"""Photograph files."""

from collections.abc import Iterator, Sequence

from edgeseg.run.frame import Frame
from edgeseg.run.inputs import Input
from edgeseg.system.signals import StopRequest


class Photographs:
    """The photographs among the inputs.

    Args:
        inputs: photograph files.
    """

    name = stem = "photographs"
    live = False
    fps = None

    def __init__(self, inputs: Sequence[Input]) -> None:
        self.inputs = inputs

    @property
    def total(self) -> int:
        """Number of photographs."""
        return len(self.inputs)

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Yield each photograph; its file is read when the frame is loaded."""
        for photograph in self.inputs:
            if stop.asked:
                return
            yield Frame(photograph.name, photograph.stem, photograph.read_bytes)
