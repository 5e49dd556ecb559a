"""Frames and their sources.

Photographs, videos, cameras, streams and watched folders use the same protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseg.measures.eye import Eye
from edgeseg.measures.spacing import Spacing
from edgeseg.run.results.record import Code, EyeSource
from edgeseg.system.signals import StopRequest

if TYPE_CHECKING:
    from edgeseg.dicom.frame import DicomFrame

Payload: TypeAlias = bytes | npt.NDArray[np.uint8]
"""Bytes of an image file, or a decoded frame, (H, W, 3) uint8 RGB."""


class SingleUsePayload:
    """Payload that can be read once. Afterwards, the frame does not keep the payload in memory.

    Args:
        payload: bytes of an image file, or a decoded frame.
    """

    def __init__(self, payload: Payload) -> None:
        self._payload: Payload | None = payload

    def take(self) -> Payload:
        """Return the payload and remove it from this object."""
        payload, self._payload = self._payload, None
        assert payload is not None
        return payload


LIVE_FPS = 10.0
"""Frames per second of the overlay video of a camera or a stream."""


def timestamp_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(timezone.utc)


@dataclass(frozen=True, eq=False)
class Frame:
    """Image to segment. It is loaded only when it is processed.

    Attributes:
        source: name of the source in messages.
        stem: prefix of the result names.
        load: function that reads the image, or raises PhotoError.
        number: number within the stream, from 1; None for a photograph.
        page: number of the photograph in its file, from 1; None if the file contains only one
            photograph.
        position_s: seconds since the start of the video; None for other sources.
        dropped: number of frames of a live source that were dropped since the previous frame.
        time: UTC time at which the image was received.
        live: whether the source is a camera or an MJPEG stream. If such a source repeats the same
            image, the frame is reported as frozen.
        warnings: codes of problems that were detected while reading the source.
        spacing: size of a pixel; None if unknown.
        eye: eye that the image shows; None if unknown.
        eye_source: origin of `eye`; None if unknown.
        dicom: frame of a DICOM file; None for other files.
        required_bytes: bytes that are required to process the image; 0 if unknown.
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
    dicom: DicomFrame | None = None
    required_bytes: int = 0

    @property
    def name(self) -> str:
        """Name of the frame in messages."""
        if self.page is not None:
            word = "page" if self.dicom is None else "frame"
            return f"{self.source} {word} {self.page}"
        return self.source if self.number is None else f"{self.source} frame {self.number}"


class Source(Protocol):
    """Sequence of frames, such as a folder, a video or a camera."""

    @property
    def name(self) -> str:
        """Name of the source in messages."""

    @property
    def stem(self) -> str:
        """Prefix of the overlay video's file name."""

    @property
    def total(self) -> int | None:
        """Number of frames; None if unknown."""

    @property
    def live(self) -> bool:
        """True for a live source. Its frames are not decoded in advance."""

    @property
    def fps(self) -> float | None:
        """Frames per second of the overlay video; None for photographs."""

    def frames(self, stop: StopRequest) -> Iterator[Frame | None]:
        """Yield the frames in order until the end of the source or a stop request.

        None means that no frame is currently available.

        Raises:
            PhotoError: The source itself cannot be read, or is incomplete.
        """


def timestamp_text(time: datetime) -> str:
    """Return a time as part of a file name, such as `20260131T235959`."""
    return f"{time:%Y%m%dT%H%M%S}"


def live_frame(source: str, stem: str, load: Callable[[], Payload], number: int) -> Frame:
    """Return the current frame of a live source.

    The result names contain the time and the number, so that later runs do not overwrite the
    results.
    """
    time = timestamp_now()
    return Frame(
        source, f"{stem}_{timestamp_text(time)}_{number:06}", load, number, time=time, live=True
    )
