"""What the image codecs print to standard error while they decode: kept from the user, and heard by us.

libjpeg and libpng write to file descriptor 2 themselves. For a damaged JPEG that line is the only sign:
OpenCV returns the photograph, wrong from the damage on, as if nothing had happened.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeVar

import cv2

_Result = TypeVar("_Result")

_MAX_BYTES = 1 << 20
_LOCK = threading.Lock()
_LEVEL_ERROR = 2  # At this level OpenCV 5 reports the damaged strips of a TIFF.
_LOGGING = getattr(cv2.utils, "logging", cv2)  # OpenCV 4 has setLogLevel in cv2 itself.
_FROM_CODEC = re.compile(
    rb"\[ *(?:FATAL|ERROR|WARN|INFO|DEBUG)|libpng |Corrupt JPEG|Premature end of JPEG|Invalid SOS"
    rb"|Inconsistent|Unknown Adobe|Warning: unknown JFIF|Application transferred|> |$"
)


def capture_codec_warnings(decode: Callable[[], _Result]) -> tuple[_Result, str]:
    """Run a decoder with standard error caught -> its result and what the codecs printed.

    What other threads print meanwhile is passed on afterwards. One decoder at a time listens, so that a
    message belongs to one photograph. Where standard error cannot be caught, nothing is heard.
    """
    with _LOCK, _codec_level(), _caught() as caught:
        result = decode()
    messages = bytes(caught).splitlines(keepends=True)
    ours = [line for line in messages if _FROM_CODEC.match(line)]
    _pass_on(b"".join(line for line in messages if not _FROM_CODEC.match(line)))
    return result, b"".join(ours).decode("utf-8", "replace")


def silence_opencv() -> None:
    """Keep OpenCV from printing, outside of `listen`: a camera that is away would have it print at every try."""
    _LOGGING.setLogLevel(0)


@contextmanager
def _codec_level() -> Iterator[None]:
    before = _LOGGING.setLogLevel(_LEVEL_ERROR)
    try:
        yield
    finally:
        _LOGGING.setLogLevel(before)


@contextmanager
def _caught() -> Iterator[bytearray]:
    """Point file descriptor 2 into memory; the yielded bytes are filled on leaving, also by an exception."""
    caught = bytearray()
    with ExitStack() as stack:
        try:
            memory = stack.enter_context(open(os.memfd_create("edgeseg-codec"), "r+b", buffering=0))  # noqa: PTH123
            standard_error = os.dup(2)
        except (OSError, AttributeError):  # No standard error, or a system without files in memory.
            yield caught
            return
        try:
            os.dup2(memory.fileno(), 2)
            yield caught
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
            caught += os.pread(memory.fileno(), _MAX_BYTES, 0)


def _pass_on(other: bytes) -> None:
    with suppress(OSError):
        if other:
            os.write(2, other)
