"""Frames -> results: decoding, segmenting and writing at the same time, and never more frames in hand than that needs.

Decoding is one thread: the codecs' warnings are caught through the process's standard error, so that two photographs
cannot be decoded at once (`edgeseg.imaging.codec_warnings`). Segmenting is the caller's thread, in which signals arrive.
Writing is as many threads as asked for; results come in the order of the frames all the same.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from edgeseg.system.signals import StopRequest

F = TypeVar("F")
D = TypeVar("D")
S = TypeVar("S")
R = TypeVar("R")

_LOOK_S = 0.1
_GOODBYE_S = 10.0  # for a source that hangs in reading


class Pipeline(Generic[F, D, S, R]):
    """Three stages.

    Args:
        decode: Frame -> decoded frame. One at a time, in the frames' order.
        segment: Decoded frame -> what is to be written. One at a time, in the frames' order, in the caller's thread.
        write: What is to be written -> result. In the frames' order where there is one writer, or none.
        ahead: Decoded frames that may wait; 0 decodes when the frame's turn comes, in the caller's thread.
        writers: Threads that write; 0 writes in the caller's thread.
    """

    def __init__(
        self,
        decode: Callable[[F], D],
        segment: Callable[[D], S],
        write: Callable[[S], R],
        ahead: int = 0,
        writers: int = 0,
    ) -> None:
        self.decode, self.segment, self.write = decode, segment, write
        self.ahead, self.writers = ahead, writers

    def run(self, frames: Iterable[F], stop: StopRequest) -> Iterator[R]:
        """The frames' results, in the frames' order; once `stop` asks, of those that are already segmented."""
        decoded: Iterator[D | None]
        decoded = (
            _DecodeAhead(frames, self.decode, self.ahead, stop)
            if self.ahead
            else map(self.decode, frames)
        )
        try:
            yield from self._written(decoded) if self.writers else self._one_by_one(decoded)
        finally:
            if isinstance(decoded, _DecodeAhead):
                decoded.close()

    def _one_by_one(self, decoded: Iterator[D | None]) -> Iterator[R]:
        for item in decoded:
            if item is not None:
                yield self.write(self.segment(item))

    def _written(self, decoded: Iterator[D | None]) -> Iterator[R]:
        from concurrent.futures import Future, ThreadPoolExecutor  # noqa: PLC0415 - one photograph needs no threads

        pending: deque[Future[R]] = deque()
        pool = ThreadPoolExecutor(self.writers, "write")
        try:
            while isinstance(item := _next(decoded), tuple):
                if item[0] is not None:
                    pending.append(pool.submit(self.write, self.segment(item[0])))
                del item  # or the last frame is kept while the next one is waited for
                while pending and (pending[0].done() or len(pending) > self.writers):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
            if item is not None:
                raise item
        finally:
            pool.shutdown(cancel_futures=True)


def _next(items: Iterator[D | None]) -> tuple[D | None] | Exception | None:
    """The next item; the error that ended the source, for after the results of what came before it; None at its end."""
    try:
        return (next(items),)
    except StopIteration:
        return None
    except Exception as error:
        return error


class _DecodeAhead(Iterator["D | None"]):
    """Decoded frames from a thread that can be told to end; None where none came for a moment."""

    def __init__(
        self, frames: Iterable[F], decode: Callable[[F], D], ahead: int, stop: StopRequest
    ) -> None:
        self._queue: queue.Queue[tuple[D] | BaseException | None] = queue.Queue(ahead)
        self._stop, self._closed, self._ended = stop, False, False
        self._thread = threading.Thread(
            target=self._fill, args=(frames, decode), daemon=True, name="decode"
        )
        self._thread.start()

    def __next__(self) -> D | None:
        if self._ended or self._stop.asked:
            raise StopIteration
        try:
            item = self._queue.get(timeout=_LOOK_S)
        except queue.Empty:
            return None  # so that results that are done meanwhile are not kept until the next frame
        if isinstance(item, tuple):
            return item[0]
        self._ended = True
        raise StopIteration if item is None else item

    def close(self) -> None:
        """End the thread: while it decodes, standard error is not the user's."""
        self._closed = True
        if not self._ended:
            self._stop.ask()  # whatever the source waits for
        self._thread.join(_GOODBYE_S)

    def _fill(self, frames: Iterable[F], decode: Callable[[F], D]) -> None:
        end: BaseException | None = None
        try:
            for frame in frames:
                if self._closed or not self._put((decode(frame),)):
                    return
        except BaseException as error:  # raised where the frames are taken
            end = error
        self._put(end)

    def _put(self, item: tuple[D] | BaseException | None) -> bool:
        while not (self._closed or self._stop.asked):
            try:
                self._queue.put(item, timeout=_LOOK_S)
            except queue.Full:
                continue
            return True
        return False
