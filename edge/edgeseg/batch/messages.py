"""Messages between the main process and its workers: one line of JSON each."""

import json
from typing import NamedTuple, TypeAlias

import msgspec

from edgeseg.batch.job_input import JobInput


class Task(NamedTuple):
    """Inputs to process.

    Attributes:
        start: number of the first input.
        inputs: the inputs.
    """

    start: int
    inputs: list[JobInput]


class WorkerReady(msgspec.Struct, frozen=True, tag="ready"):
    """The model is loaded."""


class PhotographDone(msgspec.Struct, frozen=True, tag="photograph"):
    """A photograph was processed.

    Attributes:
        failed: whether it failed.
        bug: whether it failed by an unexpected exception.
    """

    failed: bool = False
    bug: bool = False


class TaskDone(msgspec.Struct, frozen=True, tag="task"):
    """The part of these inputs is written.

    Attributes:
        start: number of the first input.
        stop: number after the last input.
    """

    start: int
    stop: int


class WorkerFailed(msgspec.Struct, frozen=True, tag="error"):
    """An error that ends the job, such as a full disk.

    Attributes:
        message: one line.
        exit_code: documented exit code.
    """

    message: str
    exit_code: int


class WorkerDied(msgspec.Struct, frozen=True, tag="died"):
    """The process ended; created by the main process.

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
