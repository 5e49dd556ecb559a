"""Worker process: `python -m edgeseg.batch.worker OUT` reads tasks from standard input.

The tasks are processed one after the other. The worker ends when standard input is closed, when the
main process has ended, or after SIGTERM. The current photograph is then finished, and the records
of processed photographs are written to a part.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import BinaryIO

import cv2
import msgspec

from edgeseg.batch.job import read_job
from edgeseg.batch.messages import (
    Message,
    PhotographDone,
    TaskDone,
    WorkerFailed,
    WorkerReady,
    decode_task,
)
from edgeseg.batch.processor import TaskProcessor, open_remote
from edgeseg.errors import EdgesegError, SystemSetupError
from edgeseg.run.results.record import Records
from edgeseg.system.allocator import keep_freed_memory
from edgeseg.system.signals import StopRequest


class ParentWatch(StopRequest):
    """Stop request that is also set when the main process has ended."""

    def __init__(self) -> None:
        super().__init__()
        self._parent = os.getppid()

    @property
    def asked(self) -> bool:
        """True if a stop was requested or the main process has ended."""
        return self.signal != 0 or os.getppid() != self._parent


def main(output: Path, remote: str | None = None) -> None:
    """Process tasks until there are no more.

    Args:
        output: output folder with the job.
        remote: URL to which the results are uploaded; None for no upload.
    """
    keep_freed_memory()
    answers = _take_stdout()
    stop = ParentWatch()
    _handle_signals(stop)
    try:
        _process_tasks(output, remote, answers, stop)
    except EdgesegError as error:
        _send(answers, WorkerFailed(str(error), error.exit_code))


def _process_tasks(output: Path, remote: str | None, answers: BinaryIO, stop: StopRequest) -> None:
    job = read_job(output)
    if job is None:
        raise SystemSetupError(f"{output}: the job file is missing. Start the job again.")
    cv2.setNumThreads(job.model.threads)
    processor = TaskProcessor(output, job, open_remote(remote))
    _send(answers, WorkerReady())

    def advance(records: Records) -> None:
        _send(answers, PhotographDone.from_records(records))

    while not stop.asked:
        line = sys.stdin.buffer.readline()
        if not line:
            return
        task = decode_task(line)
        done = processor.process(task.start, task.inputs, advance, stop)
        _send(answers, TaskDone(done.start, done.stop))


def _handle_signals(stop: StopRequest) -> None:
    def handle(number: int, frame: FrameType | None) -> None:
        stop.ask(number)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process also receives Ctrl-C
    signal.signal(signal.SIGTERM, handle)


def _take_stdout() -> BinaryIO:
    """Return standard output for messages, and redirect output of libraries to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _send(answers: BinaryIO, message: Message) -> None:
    try:
        answers.write(msgspec.json.encode(message) + b"\n")
        answers.flush()
    except BrokenPipeError:  # the main process has ended
        os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
