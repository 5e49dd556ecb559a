"""Functions that are executed on Dask workers.

The arguments and results are bytes and small records.
Each worker process has one model, which is loaded with its first task. A worker processes one task
at a time and writes the results itself.
"""

import tempfile
import threading
import zlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import msgspec
from distributed import get_worker

from edgeseg._version import __version__
from edgeseg.batch.job import JOB_NAME, JobFile, read_job
from edgeseg.batch.locations import is_remote
from edgeseg.batch.messages import PhotographDone, decode_task
from edgeseg.batch.processor import TaskProcessor, open_remote
from edgeseg.errors import EdgesegError, SystemSetupError
from edgeseg.run.results.record import Records
from edgeseg.system.signals import StopRequest

_lock = threading.Lock()


class WorkerCheck(NamedTuple):
    """Result of the check of a worker.

    Attributes:
        problem: reason why the worker cannot process the job; empty if the worker is suitable.
        exit_code: exit code if no worker can process the job.
        has_nanny: whether Dask restarts the worker when it ends.
    """

    problem: str
    exit_code: int
    has_nanny: bool


class TaskOutcome(NamedTuple):
    """Result of a task.

    Attributes:
        photographs: outcome of each photograph.
        error: error that ends the job, in one line; empty if the job continues.
        exit_code: exit code for this error.
    """

    photographs: tuple[PhotographDone, ...]
    error: str = ""
    exit_code: int = 0


def check_worker(output: str, encoded_job: bytes) -> WorkerCheck:
    """Load the model. Check the version, the output folder and the model of this worker.

    Args:
        output: output folder.
        encoded_job: content of the job file.
    """
    has_nanny = get_worker().nanny is not None
    try:
        with _lock:
            _open_processor(output, encoded_job)
    except EdgesegError as error:
        return WorkerCheck(str(error), error.exit_code, has_nanny)
    return WorkerCheck("", 0, has_nanny)


def process_task(output: str, encoded_job: bytes, encoded_task: bytes) -> TaskOutcome:
    """Process a task and write its results.

    Args:
        output: output folder.
        encoded_job: content of the job file.
        encoded_task: task as encoded by `messages.encode_task`, compressed with zlib.
    """
    task = decode_task(zlib.decompress(encoded_task))
    photographs: list[PhotographDone] = []

    def advance(records: Records) -> None:
        photographs.append(PhotographDone.from_records(records))

    try:
        with _lock:
            processor = _open_processor(output, encoded_job)
            processor.process(task.start, task.inputs, advance, StopRequest())
    except EdgesegError as error:
        return TaskOutcome((), str(error), error.exit_code)
    return TaskOutcome(tuple(photographs))


@lru_cache(maxsize=1)
def _open_processor(output: str, encoded_job: bytes) -> TaskProcessor:
    given = msgspec.json.decode(encoded_job)
    if given["edgeseg_version"] != __version__:
        raise SystemSetupError(
            f"edgeseg {__version__} is installed, but the job requires version "
            f"{given['edgeseg_version']}. Install that version."
        )
    job = msgspec.convert(given, JobFile)
    cv2.setNumThreads(job.model.threads)
    if is_remote(output):
        return CopyProcessor(output, job)
    folder = Path(output)
    if read_job(folder) != job:
        raise SystemSetupError(
            f"{folder / JOB_NAME}: missing, or belongs to another job. "
            "Use an output folder with the same path on all machines."
        )
    return TaskProcessor(folder, job)


class CopyProcessor(TaskProcessor):
    """Task processor for a remote output folder. Files are first written to a temporary folder.

    Dask removes this folder if the worker is killed.
    """

    def __init__(self, url: str, job: JobFile) -> None:
        self._copy = tempfile.TemporaryDirectory(
            prefix="edgeseg-", dir=get_worker().local_directory
        )
        super().__init__(Path(self._copy.name), job, open_remote(url))
