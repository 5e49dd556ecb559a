"""Worker processes on this machine."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Queue
from typing import NamedTuple

import msgspec

from edgeseg.batch.messages import Message, Task, WorkerDied, decode_message, encode_task
from edgeseg.system.python_command import module_command

_CLOSING_S = 60.0  # time for a worker to finish its current photograph


class Event(NamedTuple):
    """Message and the worker that sent it."""

    worker: "BatchWorker"
    message: Message


class BatchWorker:
    """Worker process.

    Args:
        output: output folder with the job.
        events: queue for the worker's messages. The last message is `WorkerDied`.
        remote: URL to which the worker uploads the results; None for no upload.
    """

    def __init__(self, output: Path, events: "Queue[Event]", remote: str | None) -> None:
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        command = module_command("edgeseg.batch.worker", str(output))
        if remote is not None:
            command.append(remote)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        self._events = events
        self._reader = threading.Thread(target=self._read_messages, daemon=True)
        self._reader.start()

    def send(self, task: Task) -> None:
        """Send a task. If the process has ended, the queue contains `WorkerDied`."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            self._process.stdin.write(encode_task(task))
            self._process.stdin.flush()

    def request_end(self) -> None:
        """End the worker after its current task."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def request_stop(self) -> None:
        """End the worker after its current photograph."""
        self._process.terminate()
        self.request_end()

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()

    def wait(self) -> None:
        """Wait until the process has ended. Kill it after a minute."""
        try:
            self._process.wait(_CLOSING_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        self._reader.join()

    def _read_messages(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as messages:
            for line in messages:
                try:
                    message = decode_message(line)
                except msgspec.MsgspecError:  # the message is truncated, because the process ended
                    continue
                self._events.put(Event(self, message))
        self._events.put(Event(self, WorkerDied(self._process.wait())))


@contextmanager
def killed_at_end(workers: list[BatchWorker]) -> Iterator[None]:
    """Kill the workers in a list at the end of the block, even after an exception."""
    try:
        yield
    finally:
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.wait()
