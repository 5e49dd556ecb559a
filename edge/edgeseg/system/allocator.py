"""Settings of the C library's memory allocator."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # constants of glibc's malloc.h
_MAX_KEPT_BYTES = 1 << 30
_MIN_MAPPED_BYTES = 1 << 20
_MAX_HEAP_ARRAY_BYTES = 64 << 20  # larger than the array of a photograph of 21 megapixels


def keep_freed_memory() -> None:
    """Configure the allocator to keep freed memory, in one arena for all threads.

    By default, glibc returns the buffers of each photograph to the system, so that the next
    photograph causes page faults. Arrays of more than 64 MB are returned, because the gaps between
    them would require more memory than the arrays. This function must be called before threads
    start. It has no effect if the C library is not glibc.
    """
    _set_options((_MMAP_THRESHOLD, _MAX_HEAP_ARRAY_BYTES), (_TRIM_THRESHOLD, _MAX_KEPT_BYTES))


def return_freed_memory() -> None:
    """Configure the allocator to return the freed buffers of photographs to the system.

    By default, glibc may keep the buffers of the largest photograph. This function must be called
    before threads start. It has no effect if the C library is not glibc.
    """
    _set_options((_MMAP_THRESHOLD, _MIN_MAPPED_BYTES))


def release_freed_memory() -> None:
    """Return the freed memory to the system if the C library is glibc."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return
    trim(0)


def use_one_arena() -> None:
    """Use one arena for all threads.

    The arenas of threads consist of heaps of 64 MB. A second large array needs a new heap, which is
    returned to the system when the array is freed. This function must be called before the first
    thread starts.
    """
    _set_options()


def _set_options(*options: tuple[int, int]) -> None:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    for option, value in (*options, (_ARENA_MAX, 1)):
        mallopt(option, value)
