"""Number of worker threads, and disabling of OpenCV's own threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import psutil

from edgeseg.device import cpu
from edgeseg.imaging.size_limits import MAX_REQUIRED_BYTES

_MAX_WORKERS = 16
# Memory of a photograph of 30 megapixels. Larger photographs wait for each other if necessary.
_BYTES_PER_THREAD = 256 << 20


def count_workers(frames: int | None = None) -> int:
    """Return the number of photographs to process at the same time.

    The number is at most 16, at most the number of cores, and at most one per 256 MiB of available
    memory.

    Args:
        frames: number of photographs; None if unknown.
    """
    by_memory = psutil.virtual_memory().available // _BYTES_PER_THREAD
    most = _MAX_WORKERS if frames is None else min(frames, _MAX_WORKERS)
    return max(1, min(cpu.usable_cores(), most, by_memory))


def limit_memory(workers: int) -> int:
    """Return the bytes that photographs in progress may require together.

    Args:
        workers: number of photographs to process at the same time.
    """
    return max(MAX_REQUIRED_BYTES, workers * _BYTES_PER_THREAD)


@contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """Disable OpenCV's own threads. With one worker per core, they increase the time by 10 %."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
