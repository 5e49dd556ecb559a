"""Motion JPEG on standard input: JPEG files, one after the other.

`rpicam-vid --codec mjpeg -o - ... | edgeseg run -` produces such a stream, and GStreamer's
`jpegenc ! fdsink`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from edgeseg.imaging.jpeg_markers import BEGINNING, JpegSplitter
from edgeseg.run.frame import LIVE_FPS, Frame, live_frame, timestamp_text
from edgeseg.run.inputs import STDIN_NAME, STDIN_STEM
from edgeseg.system.signals import StopRequest


@dataclass(frozen=True)
class StdinMjpeg:
    """A Motion JPEG stream whose first bytes have been read.

    Attributes:
        jpegs: JPEG files; a truncated one becomes a frame that cannot be loaded.
        started: start of the run, part of the name of its overlay video.
    """

    jpegs: Iterator[bytes]
    started: datetime
    name: str = STDIN_NAME
    live: bool = False
    total: None = None
    fps: float = LIVE_FPS

    @property
    def stem(self) -> str:
        """Prefix of the overlay video's file name."""
        return f"{STDIN_STEM}_{timestamp_text(self.started)}"

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Yield one frame per JPEG file."""
        for number, jpeg in enumerate(self.jpegs, 1):
            if stop.asked:
                return
            yield live_frame(STDIN_NAME, STDIN_STEM, partial(bytes, jpeg), number)


def split_stream(
    first: list[bytes], splitter: JpegSplitter, blocks: Iterator[bytes]
) -> Iterator[bytes]:
    """Yield the JPEG files of a stream.

    Args:
        first: JPEG files that the splitter has returned already.
        splitter: splitter that has read the beginning of the stream.
        blocks: rest of the stream.
    """
    yield from first
    for block in blocks:
        yield from splitter.feed(block)
    if splitter.rest.startswith(BEGINNING):
        yield splitter.rest  # truncated
