"""Capture of the messages that image codecs print while they decode.

libjpeg and libpng print directly to file descriptor 2. For a damaged JPEG, OpenCV reports no error
and returns an image that is wrong after the damaged position. Only the message of libjpeg shows
that the file is damaged.
"""

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeVar

import cv2

_Result = TypeVar("_Result")

_MAX_CAPTURED_BYTES = 1 << 20
_LOCK = threading.Lock()
_LEVEL_SILENT, _LEVEL_WARNING = 0, 3  # damaged TIFF strips are reported as warnings
_LOGGING = getattr(cv2.utils, "logging", cv2)  # OpenCV 4 has setLogLevel in cv2
_CODEC_LINE = re.compile(
    rb"\[ *(?:FATAL|ERROR|WARN|INFO|DEBUG)|libpng |Corrupt JPEG|Premature end of JPEG|Invalid SOS"
    rb"|Inconsistent|Unknown Adobe|Warning: unknown JFIF|Application transferred|> |$"
)


def capture_codec_warnings(decode: Callable[[], _Result]) -> tuple[_Result, str]:
    """Run a decoder and capture what the codecs print to standard error.

    Only one decoder runs at a time, so that each message belongs to one photograph. Lines of
    other threads are printed afterwards. If standard error is closed, the messages are empty.

    Args:
        decode: function without arguments that decodes one image.

    Returns:
        The result of `decode`, and the codecs' messages.
    """
    with _LOCK, _warning_log_level(), _captured_stderr() as captured:
        result = decode()
    lines = bytes(captured).splitlines(keepends=True)
    other_lines = [line for line in lines if not _CODEC_LINE.match(line)]
    with suppress(OSError):
        os.write(2, b"".join(other_lines))
    codec_lines = [line for line in lines if _CODEC_LINE.match(line)]
    return result, b"".join(codec_lines).decode("utf-8", "replace")


def silence_opencv() -> None:
    """Disable OpenCV's log. Otherwise a disconnected camera causes a message at every retry."""
    _LOGGING.setLogLevel(_LEVEL_SILENT)


@contextmanager
def _warning_log_level() -> Iterator[None]:
    previous = _LOGGING.setLogLevel(_LEVEL_WARNING)
    try:
        yield
    finally:
        _LOGGING.setLogLevel(previous)


@contextmanager
def _captured_stderr() -> Iterator[bytearray]:
    """Redirect file descriptor 2 to memory. The yielded buffer is filled on exit."""
    captured = bytearray()
    with ExitStack() as stack:
        try:
            memory_fd = os.memfd_create("edgeseg-codec")
            memory = stack.enter_context(open(memory_fd, "r+b", buffering=0))  # noqa: PTH123
            standard_error = os.dup(2)
        except (OSError, AttributeError):  # standard error is closed, or the system has no memfd
            yield captured
            return
        try:
            os.dup2(memory.fileno(), 2)
            yield captured
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
            captured += os.pread(memory.fileno(), _MAX_CAPTURED_BYTES, 0)
