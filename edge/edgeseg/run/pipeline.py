"""Parallel processing of frames in order, with few frames in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from edgeseg.system.signals import StopRequest

F = TypeVar("F")
R = TypeVar("R")


def process_frames(
    frames: Iterable[F | None], process: Callable[[F], R], workers: int, stop: StopRequest
) -> Iterator[R]:
    """Process frames in threads and yield the results in the order of the frames.

    An error of `frames` or `process` is raised after the results of all earlier frames. After a
    stop request, frames in progress are finished and no other frames are started.

    Args:
        frames: frames; None means that no frame is currently available. In this case, all results
            are yielded before the next frame is requested.
        process: function that returns the result of a frame. It may be called in any thread.
        workers: number of frames to process at the same time. If it is 1 or less, frames are
            processed in the caller's thread.
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
    """Yield the remaining results. After a stop request, omit frames that were not started."""
    while pending:
        result = pending.popleft()
        if not (stop.asked and result.cancel()):
            yield result.result()
