"""Counting of the errors that FFmpeg's decoders log.

For a damaged video, FFmpeg returns images that are partly wrong. Only the log of FFmpeg shows the
damage. OpenCV does not provide access to this log. Therefore this module registers a callback with
the FFmpeg library that OpenCV has loaded.
"""

import atexit
import ctypes
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

_LEVEL_ERROR = 16  # AV_LOG_ERROR; lower levels are more severe
_LOADED_LIBRARIES = Path("/proc/self/maps")
_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


class FfmpegErrors:
    """Counter of the errors that FFmpeg logs.

    Attributes:
        count: number of errors since the start of the process.
    """

    def __init__(self) -> None:
        self.count = 0
        self._reader = 0
        self._callback = _CALLBACK(self._receive)

    def install(self) -> None:
        """Register the callback with FFmpeg.

        If FFmpeg's library is not loaded, no errors are counted.
        """
        library = _load_avutil()
        if library is not None:
            library.av_log_set_callback(self._callback)
            # FFmpeg must not call the callback after Python has freed it.
            atexit.register(library.av_log_set_callback, None)

    def expect_from_this_thread(self) -> None:
        """Count errors of the calling thread and of FFmpeg's threads.

        Errors of other Python threads, which write videos, are ignored.
        """
        self._reader = threading.get_ident()

    def _receive(self, _context: int, level: int, _text: bytes, _values: int) -> None:
        if level > _LEVEL_ERROR:
            return
        thread = threading.get_ident()
        if thread == self._reader or all(other.ident != thread for other in threading.enumerate()):
            self.count += 1


@cache
def ffmpeg_errors() -> FfmpegErrors:
    """Return the counter of this process."""
    return FfmpegErrors()


def _load_avutil() -> ctypes.CDLL | None:
    try:
        lines = _LOADED_LIBRARIES.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:  # not Linux
        return None
    for line in lines:
        path = line.partition("/")[2]
        if "libavutil" in path:
            with suppress(OSError, AttributeError):
                library = ctypes.CDLL(f"/{path}")
                library.av_log_set_callback.restype = None
                return library
    return None
