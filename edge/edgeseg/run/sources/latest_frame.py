"""The newest frame first: what arrives while a frame is segmented replaces what waited, and is counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

from edgeseg.run.frame import Frame, Source
from edgeseg.system.signals import StopRequest

_LOOK_S = 0.1
_GOODBYE_S = 2.0  # for a driver that hangs in reading


@dataclass(frozen=True)
class LatestFrameSource:
    """A source whose frames are taken as they come, in a thread of its own, and of which only the newest waits."""

    source: Source
    live: bool = True
    total: None = None

    @property
    def name(self) -> str:
        """The source's."""
        return self.source.name

    @property
    def stem(self) -> str:
        """The source's."""
        return self.source.stem

    @property
    def fps(self) -> float | None:
        """The source's."""
        return self.source.fps

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """The newest frame each time that one is asked for."""
        slot, ending = _Slot(), StopRequest()
        taker = threading.Thread(
            target=slot.fill, args=(self.source, ending), daemon=True, name=f"read {self.name}"
        )
        taker.start()
        try:
            while not stop.asked:
                frame = slot.take()
                if frame is not None:
                    yield frame
                elif slot.ended:
                    break
            slot.raise_what_happened()
        finally:
            ending.ask()
            taker.join(_GOODBYE_S)


class _Slot:
    """Room for one frame."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._dropped = 0
        self._error: BaseException | None = None
        self._filled = True

    @property
    def ended(self) -> bool:
        """Whether the source has no more frames and none waits."""
        with self._changed:
            return not self._filled and self._frame is None

    def fill(self, source: Source, ending: StopRequest) -> None:
        """Take all frames as they come."""
        try:
            for frame in source.frames(ending):
                with self._changed:
                    self._dropped += self._frame is not None
                    self._frame = frame
                    self._changed.notify()
        except BaseException as error:  # raised where the frames are taken
            self._error = error
        finally:
            with self._changed:
                self._filled = False
                self._changed.notify()

    def take(self) -> Frame | None:
        """The frame that waits; None where none came for a moment."""
        with self._changed:
            if self._frame is None and self._filled:
                self._changed.wait(_LOOK_S)
            frame, self._frame = self._frame, None
            if frame is None:
                return None
            dropped, self._dropped = self._dropped, 0
            return replace(frame, dropped=dropped)

    def raise_what_happened(self) -> None:
        """Raise the error that ended the source, if one did."""
        if self._error is not None:
            raise self._error
