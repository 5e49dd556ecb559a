"""Latest frame of a live source. Frames that arrive during segmentation are dropped and counted."""

import threading
from collections.abc import Iterator
from dataclasses import replace

from edgeseg.run.frame import Frame, Source
from edgeseg.system.signals import StopRequest

_POLL_S = 0.1
_JOIN_TIMEOUT_S = 2.0  # a driver may block during a read


class LatestFrameSource:
    """Wrapper that reads a source in a thread and keeps only its latest frame.

    Args:
        source: source to read.
    """

    live = True
    total = None

    def __init__(self, source: Source) -> None:
        self.source = source
        self.name = source.name
        self.stem = source.stem
        self.fps = source.fps

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Yield the latest frame at each request."""
        slot = _FrameSlot()
        end = StopRequest()
        reader = threading.Thread(
            target=slot.fill, args=(self.source, end), daemon=True, name=f"read {self.name}"
        )
        reader.start()
        try:
            while (frame := slot.take_frame(stop)) is not None:
                yield frame
            if slot.error is not None:
                raise slot.error
        finally:
            end.ask()
            reader.join(_JOIN_TIMEOUT_S)


class _FrameSlot:
    """Buffer for one frame between the thread that reads and the thread that segments."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._dropped = 0
        self._ended = False
        self.error: BaseException | None = None

    def fill(self, source: Source, stop: StopRequest) -> None:
        """Store the latest frame until the source ends. If it fails, store the error in `error`."""
        try:
            for frame in source.frames(stop):
                if frame is None:
                    continue
                with self._changed:
                    self._dropped += self._frame is not None
                    self._frame = frame
                    self._changed.notify()
        except BaseException as error:  # raised again in the segmenting thread
            self.error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()

    def take_frame(self, stop: StopRequest) -> Frame | None:
        """Wait for a frame and remove it. Return None if the source or the run has ended."""
        with self._changed:
            while self._frame is None and not self._ended and not stop.asked:
                self._changed.wait(_POLL_S)
            if self._frame is None or stop.asked:
                return None
            frame = replace(self._frame, dropped=self._dropped)
            self._frame = None
            self._dropped = 0
            return frame
