"""Reading of a camera with OpenCV. A disconnected camera is opened again."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

import numpy as np
import numpy.typing as npt

from edgeseg.run.frame import LIVE_FPS, Frame, live_frame, timestamp_text
from edgeseg.run.sources.video import Capture, convert_to_rgb, open_capture
from edgeseg.system.rate_limit import MessageCallback, RateLimitedMessage
from edgeseg.system.signals import StopRequest

_PAUSE_S = 0.02  # pause after a failed read, because some drivers fail occasionally


class Camera:
    """Camera as an endless source of frames.

    Args:
        device: number, device file (`/dev/video0`) or URL of a stream.
        say: function that prints a message.
        started: start of the run, which is part of the overlay video's name.
        open_device: function that opens the device.
        retry_s: seconds between two attempts to open the device.
        patience: number of consecutive failed reads after which the camera is considered
            disconnected.
    """

    live = True
    total = None
    fps = LIVE_FPS

    def __init__(
        self,
        device: str,
        say: MessageCallback,
        started: datetime,
        open_device: Callable[[str | int], Capture] = open_capture,
        retry_s: float = 1.0,
        patience: int = 20,
    ) -> None:
        self.device = device
        self.say = say
        self.open_device = open_device
        self.retry_s = retry_s
        self.patience = patience
        self.name = f"camera {device}"
        self._base = "camera" + re.sub(r"[\W_]", "-", device)
        self.stem = f"{self._base}_{timestamp_text(started)}"

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Yield frames until `stop` is requested."""
        warn = RateLimitedMessage(self.say)
        number = 0
        has_warned = False
        while not stop.asked:
            for image in self._read_images(stop):
                if has_warned:
                    self.say(f"{self.name}: available again")
                    has_warned = False
                number += 1
                yield live_frame(
                    self.name, self._base, partial(convert_to_rgb, image, self.name), number
                )
            if stop.asked:
                return
            problem = "disconnected" if number else "cannot be opened"
            has_warned |= warn(
                f"{self.name}: {problem}. Waiting for the camera. Press Ctrl-C to stop."
            )
            stop.pause(self.retry_s)

    def _read_images(self, stop: StopRequest) -> Iterator[npt.NDArray[np.uint8]]:
        """Open the device and yield BGR images until it is disconnected."""
        capture = self.open_device(int(self.device) if self.device.isdigit() else self.device)
        failures = 0
        try:
            while capture.isOpened() and not stop.asked and failures < self.patience:
                success, image = capture.read()
                if success and image is not None:
                    failures = 0
                    yield image
                else:
                    failures += 1
                    stop.pause(_PAUSE_S)
        finally:
            capture.release()
