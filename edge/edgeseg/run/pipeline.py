"""Parallel processing of frames in order, with few frames in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import psutil

from edgeseg.device import cpu
from edgeseg.system.signals import StopRequest

F = TypeVar("F")
R = TypeVar("R")

_MAX_WORKERS = 16
_BYTES_PER_WORKER = 256 << 20


def count_workers(frames: int | None) -> int:
    """Return the number of frames to process at the same time.

    The number is limited to one frame per core and one per 256 MB of available memory, which is
    enough for a photograph of 50 megapixels.

    Args:
        frames: maximum number of frames; None if it is unknown.
    """
    by_memory = psutil.virtual_memory().available // _BYTES_PER_WORKER
    most = _MAX_WORKERS if frames is None else min(frames, _MAX_WORKERS)
    return max(1, min(cpu.usable_cores(), most, by_memory))


def process_frames(
    frames: Iterable[F | None], process: Callable[[F], R], workers: int, stop: StopRequest
) -> Iterator[R]:
    """Process frames in threads and yield the results in the order of the frames.

    An error of `frames` or `process` is raised after the results of all earlier frames. After a
    stop request, frames in progress are finished and no further frames are started.

    Args:
        frames: frames; None means that no frame is currently available, so that all results are
            yielded before the next frame is requested.
        process: function from a frame to its result, which is called in any thread.
        workers: number of frames to process at the same time; with 1 or less, frames are processed
            in the caller's thread.
        stop: stop request.
    """
    if workers > 1:
        yield from _process_in_threads(frames, process, workers, stop)
        return
    for frame in frames:
        if frame is not None:
            yield process(frame)
        if stop.asked:
            return


def _process_in_threads(
    frames: Iterable[F | None], process: Callable[[F], R], workers: int, stop: StopRequest
) -> Iterator[R]:
    pool = ThreadPoolExecutor(workers, "frame")
    pending: deque[Future[R]] = deque()
    source_error: Exception | None = None
    iterator = iter(frames)
    try:
        while not stop.asked:
            try:
                frame = next(iterator)
            except StopIteration:
                break
            except Exception as error:
                source_error = error
                break
            most = 0
            if frame is not None:
                pending.append(pool.submit(process, frame))
                most = workers
            frame = None  # free the frame's memory while waiting for a result
            while len(pending) > most or (pending and pending[0].done()):
                yield pending.popleft().result()
        yield from _finish(pending, stop)
        if source_error is not None:
            raise source_error
    finally:
        pool.shutdown(cancel_futures=True)


def _finish(pending: deque[Future[R]], stop: StopRequest) -> Iterator[R]:
    """Yield the remaining results. After a stop request, yield only those of frames in progress."""
    while pending:
        result = pending.popleft()
        if not (stop.asked and result.cancel()):
            yield result.result()
