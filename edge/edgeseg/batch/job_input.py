"""Inputs of a job, stored in a file with one input per line."""

import hashlib
import json
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from edgeseg.errors import SystemSetupError, one_line
from edgeseg.measures.eye import Eye
from edgeseg.system.regular_files import open_regular_file

Cell: TypeAlias = str | int | float | bool | None
"""Value of a manifest's cell. Dates are ISO text."""


class JobInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """Photograph of a job.

    Attributes:
        source: name of the photograph in the table.
        path: absolute path of the file.
        stem: prefix of the result names, including the sub-folder of the output folder.
        eye: eye according to the manifest.
        um_per_px: size of a pixel in micrometres according to the manifest.
        values: values of the manifest's other columns.
    """

    source: str
    path: str
    stem: str
    eye: Eye | None = None
    um_per_px: Annotated[float, msgspec.Meta(gt=0)] | None = None
    values: tuple[Cell, ...] = ()


def encode_input(value: JobInput) -> str:
    """Encode an input as one line of ASCII JSON. Bytes of a name that are not UTF-8 are kept."""
    return json.dumps(msgspec.to_builtins(value))


def decode_input(line: str | bytes) -> JobInput:
    """Decode an input that `encode_input` encoded."""
    return msgspec.convert(json.loads(line), JobInput)


def encode_inputs(inputs: Sequence[JobInput]) -> bytes:
    """Encode the inputs of a job, one per line."""
    return b"".join(f"{encode_input(value)}\n".encode() for value in inputs)


class InputFile:
    """Inputs of a job, which are read from the file only when needed.

    Only the position of each line is in memory, because a cohort may have millions of inputs.

    Args:
        path: file with one input per line.
        sha256: SHA-256 of the file according to the job.

    Raises:
        SystemSetupError: The file cannot be read, or has been changed.
    """

    def __init__(self, path: Path, sha256: str) -> None:
        self.path = path
        self._offsets = array("Q", [0])
        digest = hashlib.sha256()
        with _read_errors_named(path), open_regular_file(path) as file:
            for line in file:
                digest.update(line)
                self._offsets.append(self._offsets[-1] + len(line))
        if digest.hexdigest() != sha256:
            raise SystemSetupError(
                f"{path}: differs from the list with which the job was created. "
                "Start the job again in another folder."
            )

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def read(self, start: int, stop: int) -> list[JobInput]:
        """Return the inputs from `start` to `stop` - 1."""
        with _read_errors_named(self.path), open_regular_file(self.path) as file:
            file.seek(self._offsets[start])
            return [decode_input(file.readline()) for _ in range(start, stop)]

    def __iter__(self) -> Iterator[JobInput]:
        with _read_errors_named(self.path), open_regular_file(self.path) as file:
            for line in file:
                yield decode_input(line)


@contextmanager
def _read_errors_named(path: Path) -> Iterator[None]:
    """Convert an OSError or an error in the content to a message with the file name."""
    try:
        yield
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise SystemSetupError(
            f"{path}: cannot be read ({one_line(error)}). Start the job again in another folder."
        ) from error
