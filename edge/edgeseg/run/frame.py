"""Frames and their sources.

One protocol serves photographs, videos, cameras, streams and watched folders.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseg.measures.eye import Eye
from edgeseg.measures.spacing import Spacing
from edgeseg.run.results.record import Code, EyeSource
from edgeseg.system.signals import StopRequest

Payload: TypeAlias = bytes | npt.NDArray[np.uint8]
"""Bytes of an image file, or a decoded frame (H, W, 3) uint8 RGB."""

LIVE_FPS = 10.0
"""Frames per second of the overlay video of a camera or a stream."""


def timestamp_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(timezone.utc)


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture to segment that is not loaded yet.

    Attributes:
        source: name of the source in messages.
        stem: prefix of its result names.
        load: function that reads the picture; raises PhotoError if it cannot be read.
        number: number within the stream, from 1; None for a photograph.
        page: number among the photographs in its file, from 1; None if the file has only one.
        position_s: seconds since the start of the video; None for other sources.
        dropped: number of frames of a live source that were dropped since the previous frame.
        time: UTC time at which it was received.
        live: True for a camera or an MJPEG stream, where a repeated picture means a frozen source.
        warnings: codes of problems that were found while the source was read.
        spacing: size of its pixels from a manifest or its own metadata; an option takes precedence.
        eye: eye from a manifest or its own metadata; an option takes precedence.
        eye_source: origin of `eye`; None if it is unknown.
    """

    source: str
    stem: str
    load: Callable[[], Payload]
    number: int | None = None
    page: int | None = None
    position_s: float | None = None
    dropped: int = 0
    time: datetime = field(default_factory=timestamp_now)
    live: bool = False
    warnings: tuple[Code, ...] = ()
    spacing: Spacing | None = None
    eye: Eye | None = None
    eye_source: EyeSource | None = None

    @property
    def name(self) -> str:
        """Name in messages."""
        if self.page is not None:
            return f"{self.source} page {self.page}"
        return self.source if self.number is None else f"{self.source} frame {self.number}"


class Source(Protocol):
    """A sequence of frames."""

    @property
    def name(self) -> str:
        """Name in messages."""

    @property
    def stem(self) -> str:
        """Prefix of the overlay video's file name."""

    @property
    def total(self) -> int | None:
        """Number of frames; None if it is unknown."""

    @property
    def live(self) -> bool:
        """True for a live source: frames are not decoded in advance, so that they are recent."""

    @property
    def fps(self) -> float | None:
        """Frames per second of the overlay video; None for photographs."""

    def frames(self, stop: StopRequest) -> Iterator[Frame | None]:
        """Yield the frames in order, until there are no more or `stop` is requested.

        None means that no frame is available at present.

        Raises:
            PhotoError: The source itself cannot be read, or is incomplete.
        """


def timestamp_text(time: datetime) -> str:
    """Return a time as part of a file name, such as `20260131T235959`."""
    return f"{time:%Y%m%dT%H%M%S}"


def live_frame(source: str, stem: str, load: Callable[[], Payload], number: int) -> Frame:
    """Return a frame that a live source has just delivered.

    Its results are named by time and number, so that a later run does not overwrite them.
    """
    time = timestamp_now()
    return Frame(
        source, f"{stem}_{timestamp_text(time)}_{number:06}", load, number, time=time, live=True
    )
