"""Pipeline of a run: decode, segment and write at the same time, with few frames in memory.

One thread decodes, because codec warnings are captured through the standard error of the process
(`edgeseg.imaging.codec_warnings`), so that two photographs cannot be decoded at once. The caller's
thread, which receives signals, segments. Any number of threads write; the results keep the order of
the frames.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from edgeseg.system.signals import StopRequest

F = TypeVar("F")
D = TypeVar("D")
S = TypeVar("S")
R = TypeVar("R")

_POLL_S = 0.1
_JOIN_TIMEOUT_S = 10.0  # for a source that blocks in a read


@dataclass(frozen=True)
class Pipeline(Generic[F, D, S, R]):
    """Three stages: decode, segment, write.

    Attributes:
        decode: function from a frame to a decoded frame; called in the order of the frames.
        segment: function from a decoded frame to a segmented frame; called in the order of the
            frames, in the caller's thread.
        write: function from a segmented frame to its result; called in the order of the frames if
            there is at most one writer.
        ahead: number of decoded frames that may wait; 0 decodes in the caller's thread.
        writers: number of threads that write; 0 writes in the caller's thread.
    """

    decode: Callable[[F], D]
    segment: Callable[[D], S]
    write: Callable[[S], R]
    ahead: int = 0
    writers: int = 0

    def run(self, frames: Iterable[F], stop: StopRequest) -> Iterator[R]:
        """Yield the results in the order of the frames.

        Once `stop` is requested, frames that are already segmented are finished and no others. An
        error of `frames` is raised after the results of the frames before it, an error of a stage
        at once.
        """
        if not self.ahead:
            yield from self._write_all(map(self.decode, frames))
            return
        decoded = _DecodeAhead(frames, self.decode, self.ahead, stop)
        try:
            yield from self._write_all(decoded)
        finally:
            decoded.close()

    def _write_all(self, decoded: Iterator[D | None]) -> Iterator[R]:
        if self.writers:
            yield from self._write_in_threads(decoded)
            return
        for item in decoded:
            if item is not None:
                yield self.write(self.segment(item))

    def _write_in_threads(self, decoded: Iterator[D | None]) -> Iterator[R]:
        pending: deque[Future[R]] = deque()
        source_error: Exception | None = None
        pool = ThreadPoolExecutor(self.writers, "write")
        try:
            while True:
                try:
                    item = next(decoded)
                except StopIteration:
                    break
                except Exception as error:
                    source_error = error
                    break
                if item is not None:
                    pending.append(pool.submit(self.write, self.segment(item)))
                item = None  # release the frame before waiting for the next one
                while pending and (pending[0].done() or len(pending) > self.writers):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
            if source_error is not None:
                raise source_error
        finally:
            pool.shutdown(cancel_futures=True)


class _DecodeAhead(Iterator["D | None"]):
    """Iterator over frames that a thread decodes; yields None while no frame is available."""

    def __init__(
        self, frames: Iterable[F], decode: Callable[[F], D], ahead: int, stop: StopRequest
    ) -> None:
        self._queue: queue.Queue[tuple[D] | BaseException | None] = queue.Queue(ahead)
        self._stop = stop
        self._ended = False
        self._thread = threading.Thread(
            target=self._decode_all, args=(frames, decode), daemon=True, name="decode"
        )
        self._thread.start()

    def __next__(self) -> D | None:
        if self._ended or self._stop.asked:
            raise StopIteration
        try:
            item = self._queue.get(timeout=_POLL_S)
        except queue.Empty:
            return None
        if isinstance(item, tuple):
            return item[0]
        self._ended = True
        raise StopIteration if item is None else item

    def close(self) -> None:
        """End the thread, which redirects standard error while it decodes."""
        if not self._ended:
            self._stop.ask()  # ends a source that waits for its next frame
        self._thread.join(_JOIN_TIMEOUT_S)

    def _decode_all(self, frames: Iterable[F], decode: Callable[[F], D]) -> None:
        end: BaseException | None = None
        try:
            for frame in frames:
                if self._stop.asked or not self._put((decode(frame),)):
                    return
        except BaseException as error:  # raised by __next__, in the caller's thread
            end = error
        self._put(end)

    def _put(self, item: tuple[D] | BaseException | None) -> bool:
        """Append to the queue; return False if the pipeline ended first."""
        while not self._stop.asked:
            with suppress(queue.Full):
                self._queue.put(item, timeout=_POLL_S)
                return True
        return False
