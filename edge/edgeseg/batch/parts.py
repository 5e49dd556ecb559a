"""Part files with the records of a range of inputs.

A part is written after all its inputs are processed.
A part is either complete or missing, and its name contains the range. Therefore the names show
which inputs are processed, and any number of processes may write parts at the same time. Two parts
may overlap if a task was processed twice, but their records are equal.
"""

import gzip
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import msgspec

from edgeseg.batch.job import STATE_FOLDER
from edgeseg.errors import SystemSetupError, one_line
from edgeseg.run.results.record import Records, ResultRecord
from edgeseg.system.decoding import prepare_decoding
from edgeseg.system.files import make_folder, remove_stale_temporaries, write_atomically
from edgeseg.system.regular_files import open_regular_file

_FOLDER_SIZE = 50_000  # number of inputs whose parts are in one folder
_NAME = re.compile(r"([0-9]{8,})-([0-9]{8,})\.jsonl\.gz")


class InputRange(NamedTuple):
    """Inputs from `start` to `stop` - 1."""

    start: int
    stop: int

    def halves(self) -> tuple["InputRange", "InputRange"]:
        """Return the two halves of a range of at least two inputs."""
        middle = (self.start + self.stop) // 2
        return InputRange(self.start, middle), InputRange(middle, self.stop)


class PartEntry(msgspec.Struct, frozen=True):
    """Records of one input.

    Attributes:
        number: number of the input, from 0.
        records: records of the input, at least one.
    """

    number: int
    records: tuple[ResultRecord, ...]

    def frames(self) -> Iterator[Records]:
        """Yield the records of each photograph in the file."""
        for _, records in groupby(self.records, key=attrgetter("frame")):
            yield tuple(records)


def parts_folder(output: Path) -> Path:
    """Return the folder of the part files."""
    return output / STATE_FOLDER / "parts"


def part_path(output: Path, done: InputRange) -> Path:
    """Return the path of the part file for a range of inputs."""
    folder = parts_folder(output) / f"{done.start // _FOLDER_SIZE:06}"
    return folder / f"{done.start:08}-{done.stop:08}.jsonl.gz"


def write_part(output: Path, done: InputRange, entries: Sequence[PartEntry]) -> None:
    """Write the part file for a range of inputs.

    Raises:
        SystemSetupError: The part cannot be written.
    """
    lines = msgspec.json.Encoder().encode_lines(entries)
    path = part_path(output, done)
    make_folder(path.parent)
    write_atomically(path, gzip.compress(lines, 1, mtime=0), follow_links=False)


def list_parts(output: Path) -> list[tuple[InputRange, Path]]:
    """Return the parts in the order of their inputs.

    If parts have the same start, the longest is first.
    """
    found: list[tuple[InputRange, Path]] = []
    for path in parts_folder(output).glob("*/*.gz"):
        match = _NAME.fullmatch(path.name)
        if match is not None:
            found.append((InputRange(int(match[1]), int(match[2])), path))
    found.sort(key=lambda part: (part[0].start, -part[0].stop))
    return found


def missing_ranges(parts: Sequence[InputRange], count: int) -> Iterator[InputRange]:
    """Yield the ranges of inputs without a part.

    Args:
        parts: ranges of the parts, sorted by their start.
        count: number of inputs.
    """
    reached = 0
    for start, stop in parts:
        if start > reached:
            yield InputRange(reached, start)
        reached = max(reached, stop)
    if reached < count:
        yield InputRange(reached, count)


def read_entries(
    output: Path, select: Callable[[InputRange], bool] = lambda _: True
) -> Iterator[PartEntry]:
    """Yield the entry of each input from the parts, in the order of the inputs.

    Args:
        output: output folder.
        select: function that returns whether to read the part file for a range.

    Raises:
        SystemSetupError: A part is damaged.
    """
    reached = 0
    for done, path in list_parts(output):
        stop = done.stop
        if stop <= reached or not select(done):
            continue
        for entry in _read_part(path):
            if entry.number >= reached:
                yield entry
        reached = stop


def remove_stale_files(output: Path) -> None:
    """Remove the temporary files of killed processes from all folders of a job.

    A worker removes such files only from the folders to which it writes.
    """
    for folder, _, _ in os.walk(output):
        remove_stale_temporaries(Path(folder))


def _read_part(path: Path) -> list[PartEntry]:
    try:
        with open_regular_file(path) as file:
            lines = gzip.decompress(file.read())
        if not lines:  # gzip accepts an empty file
            raise EOFError("empty")
        return msgspec.json.Decoder(PartEntry).decode_lines(lines)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise SystemSetupError(
            f"{path}: damaged part file ({one_line(error)}). Delete the file and use --resume."
        ) from error


prepare_decoding(PartEntry)
