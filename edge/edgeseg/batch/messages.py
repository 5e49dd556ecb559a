"""Messages between the main process and its workers. A message is one line of JSON."""

import json
from typing import NamedTuple, TypeAlias

import msgspec

from edgeseg.batch.job_input import JobInput
from edgeseg.run.results.record import Records
from edgeseg.system.decoding import prepare_decoding


class Task(NamedTuple):
    """Inputs to process.

    Attributes:
        start: number of the first input.
        inputs: inputs to process.
    """

    start: int
    inputs: list[JobInput]


class WorkerReady(msgspec.Struct, frozen=True, tag="ready"):
    """The worker has loaded the model."""


class PhotographDone(msgspec.Struct, frozen=True, tag="photograph"):
    """The worker has processed a file, which may contain several photographs.

    Attributes:
        failed: whether a photograph of the file failed.
    """

    failed: bool = False

    @classmethod
    def from_records(cls, records: Records) -> "PhotographDone":
        """Return the outcome for the records of an input."""
        return cls(failed=any(record.status == "failed" for record in records))


class TaskDone(msgspec.Struct, frozen=True, tag="task"):
    """The worker has written the part file for these inputs.

    Attributes:
        start: number of the first input.
        stop: number after the last input.
    """

    start: int
    stop: int


class WorkerFailed(msgspec.Struct, frozen=True, tag="error"):
    """An error that ends the job, such as a full disk.

    Attributes:
        message: error message in one line.
        exit_code: documented exit code.
    """

    message: str
    exit_code: int


class WorkerDied(msgspec.Struct, frozen=True, tag="died"):
    """The process has ended. The main process creates this message.

    Attributes:
        exit_code: exit code, or the negative number of a signal.
    """

    exit_code: int


Message: TypeAlias = WorkerReady | PhotographDone | TaskDone | WorkerFailed | WorkerDied


def encode_task(task: Task) -> bytes:
    """Encode a task as one line of ASCII JSON."""
    return json.dumps([task.start, msgspec.to_builtins(task.inputs)]).encode() + b"\n"


def decode_task(line: bytes) -> Task:
    """Decode a task."""
    start, inputs = json.loads(line)
    return Task(start, msgspec.convert(inputs, list[JobInput]))


def decode_message(line: bytes) -> Message:
    """Decode a message of a worker."""
    message: Message = msgspec.json.decode(line, type=Message)
    return message


prepare_decoding(Message, JobInput)
