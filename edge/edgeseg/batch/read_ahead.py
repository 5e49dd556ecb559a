"""Reading of remote photographs while earlier photographs are processed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice

from edgeseg.batch.job_input import JobInput
from edgeseg.batch.locations import is_remote, read_photograph

_AHEAD = 4  # photographs


def read_ahead(inputs: Iterable[JobInput]) -> Iterator[tuple[JobInput, Callable[[], bytes]]]:
    """Yield each input with a function that returns the bytes of its file.

    Threads read up to four remote photographs. Local files are read only when needed.
    """
    threads = ThreadPoolExecutor(_AHEAD, "read-ahead")
    remaining = iter(inputs)
    waiting: deque[tuple[JobInput, Callable[[], bytes]]] = deque()

    def prepare(one: JobInput) -> tuple[JobInput, Callable[[], bytes]]:
        if not is_remote(one.path):
            return one, partial(read_photograph, one.path, one.source)
        future: Future[bytes] = threads.submit(read_photograph, one.path)
        return one, future.result

    try:
        waiting.extend(prepare(one) for one in islice(remaining, _AHEAD))
        while waiting:
            yield waiting.popleft()
            waiting.extend(prepare(one) for one in islice(remaining, 1))
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
