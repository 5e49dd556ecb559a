"""A camera that OpenCV opens; one that goes away is waited for, and taken again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from edgeseg.run.frame import Frame, timestamp_now
from edgeseg.run.sources.video import Capture, Picture, open_capture
from edgeseg.system.rate_limit import MessageCallback, RateLimitedMessage
from edgeseg.system.signals import StopRequest

_FPS = 10.0
_PATIENCE = 20  # empty reads in a row; some drivers stutter
_STUTTER_S = 0.02


@dataclass(frozen=True)
class Camera:
    """A camera.

    Attributes:
        which: Its number, or its device (`/dev/video0`).
        say: Tells the user what happens to it.
        started: When the run began: no results of an earlier run are overwritten.
        open: Opens it.
        retry_s: Seconds between two tries to open it.
        patience: Reads without a picture, in a row, after which it counts as gone.
    """

    which: str
    say: MessageCallback
    started: datetime
    open: Callable[[str | int], Capture] = open_capture
    retry_s: float = 1.0
    patience: int = _PATIENCE
    live: bool = True
    total: None = None
    fps: float = _FPS

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"camera {self.which}"

    @property
    def stem(self) -> str:
        """What the name of its overlay video begins with."""
        return f"{self._base}_{stamp(self.started)}"

    @property
    def _base(self) -> str:
        return "camera" + "".join(c if c.isalnum() else "-" for c in self.which)

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Pictures for ever."""
        tell, number, away = RateLimitedMessage(self.say), 0, False
        while not stop.asked:
            capture = self._opened()
            for image in [] if capture is None else self._pictures(capture, stop):
                if away:
                    self.say(f"{self.name}: there again")
                    away = False
                number += 1
                time = timestamp_now()
                yield Frame(
                    self.name, f"{self._base}_{stamp(time)}_{number:06}", image, number, time=time
                )
            if not stop.asked:
                state = "went away" if number else "cannot be opened"
                # One that comes and goes each second is there again once a minute too.
                away = tell(f"{self.name}: {state}; waiting for it (Ctrl-C ends)") or away
                stop.pause(self.retry_s)

    def _opened(self) -> Capture | None:
        capture = self.open(int(self.which) if self.which.isdigit() else self.which)
        if capture.isOpened():
            return capture
        capture.release()
        return None

    def _pictures(self, capture: Capture, stop: StopRequest) -> Iterator[Picture]:
        """What it delivers, until it has delivered nothing several times in a row."""
        failures = 0
        try:
            while not stop.asked and failures < self.patience:
                came, image = capture.read()
                if came and image is not None:
                    failures = 0
                    yield Picture(image)
                else:
                    failures += 1
                    stop.pause(_STUTTER_S)
        finally:
            capture.release()


def stamp(time: datetime) -> str:
    """A time, in a file's name."""
    return f"{time:%Y%m%dT%H%M%S}"
