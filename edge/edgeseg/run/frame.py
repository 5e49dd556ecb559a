"""Where frames come from: one protocol for photographs, videos, cameras, streams and watched folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseg.system.signals import StopRequest

Payload: TypeAlias = "bytes | npt.NDArray[np.uint8]"
"""An image file's bytes, or a decoded frame (H, W, 3) uint8 RGB."""


def timestamp_now() -> datetime:
    """The time in UTC."""
    return datetime.now(timezone.utc)


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture to segment, not yet read.

    Attributes:
        source: What messages call the source.
        stem: What the names of its results begin with.
        load: Reads it; raises PhotographError where that is not possible.
        number: Counted from 1 in a stream; None for a photograph.
        position_s: Seconds since the beginning of a video; None where there is none.
        dropped: Frames of a live source that nobody had time for since the frame before.
        time: When it was taken from its source.
        repeats: Frames directly before it that showed the same, where the source tells; None where that is to be seen.
    """

    source: str
    stem: str
    load: Callable[[], Payload]
    number: int | None = None
    position_s: float | None = None
    dropped: int = 0
    time: datetime = field(default_factory=timestamp_now)
    repeats: int | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.source if self.number is None else f"{self.source} frame {self.number}"


class Source(Protocol):
    """Something that delivers frames, one after the other."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def stem(self) -> str:
        """What the name of its overlay video begins with."""
        ...

    @property
    def total(self) -> int | None:
        """How many frames there are, where that is known."""
        ...

    @property
    def live(self) -> bool:
        """Whether a frame grows old by waiting, so that none is decoded ahead."""
        ...

    @property
    def fps(self) -> float | None:
        """Frames a second of an overlay video; None for photographs, which have none."""
        ...

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """The frames, in order, until there are no more or `stop` asks to end.

        Raises:
            PhotographError: The source itself cannot be read, or was cut off.
        """
        ...
