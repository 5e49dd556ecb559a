"""Setting of the C library's memory allocator."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # constants of glibc's malloc.h
_MAX_KEPT_BYTES = 1 << 30


def keep_freed_memory() -> None:
    """Keep freed memory in the process, in one arena for all threads.

    By default, glibc returns the buffers of each photograph to the system, which causes page faults
    for the next photograph. This function must be called before threads start. Without glibc, it
    has no effect.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_MMAP_THRESHOLD, _MAX_KEPT_BYTES)
    mallopt(_TRIM_THRESHOLD, _MAX_KEPT_BYTES)
    mallopt(_ARENA_MAX, 1)
