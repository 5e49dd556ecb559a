"""What the command line names -> the photographs to segment, and the files that each will get.

A folder stands for the photographs in it (not in folders below it), in the order in which a person counts: 2
before 10; hidden files are left out. A file that is named counts whatever its ending. What `edgeseg run`
itself wrote (`STEM_vessels.png`, ...) is left out in both cases, so that a second pass over the same folder, or
over `*.png`, segments no results; who has a photograph of such a name renames it.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from edgeseg.errors import SurroundingsError, UsageError
from edgeseg.photo import is_photograph, read_bytes, read_stream, stem_of

Part: TypeAlias = Literal["vessels", "overlay", "probability"]
"""What is written of a photograph: `STEM_vessels.png` and so on."""

_RESULT_ENDINGS = tuple(f"_{part}.png" for part in get_args(Part))
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class Source:
    """A photograph to segment.

    Attributes:
        name: What messages call it.
        stem: What the names of its results begin with.
        path: Its file; None for standard input.
    """

    name: str
    stem: str
    path: Path | None

    def read_bytes(self) -> bytes:
        """The whole file, not decoded; standard input can be read once.

        Raises:
            PhotographError: It cannot be read, or is too large for a photograph.
        """
        return read_stream(sys.stdin.buffer, self.name) if self.path is None else read_bytes(self.path)


def gather(inputs: Sequence[str]) -> list[Source]:
    """Files, folders and "-" -> photographs, in the order of the inputs, each of them once.

    Raises:
        UsageError: An input does not exist, a folder holds no photograph, or nothing but results was named.
        SurroundingsError: A folder may not be read.
    """
    sources: dict[Path | None, Source] = {}
    for text in inputs:
        for source in _sources(text):
            sources.setdefault(source.path and source.path.resolve(), source)
    if not sources:
        raise UsageError(f"{inputs[0] if inputs else 'INPUT'}: a result of edgeseg; name a photograph")
    return list(sources.values())


def own_results(inputs: Iterable[str]) -> list[Path]:
    """The inputs that name a result of an earlier run, which `gather` leaves out: for a note to the user."""
    return [Path(text) for text in inputs if _is_result(Path(text)) and not Path(text).is_dir()]


def output_file(source: Source, folder: Path, part: Part) -> Path:
    """The file in `folder` that one of a photograph's results goes to."""
    return folder / f"{source.stem}_{part}.png"


def check_collisions(sources: Iterable[Source], folder: Path) -> None:
    """Refuse, before anything is written, two photographs whose results would have the same name.

    Names that differ in upper and lower case only are the same too: on an SD card (FAT) they are one file.

    Raises:
        UsageError: Names both photographs.
    """
    taken: dict[str, Source] = {}
    for source in sources:
        first = taken.setdefault(unicodedata.normalize("NFC", source.stem).casefold(), source)
        if first is not source:
            target = output_file(source, folder, "vessels")
            raise UsageError(
                f"{first.name} and {source.name} would both write {target}; rename one or run them separately"
            )


def _sources(text: str) -> list[Source]:
    if text == "-":
        return [Source("standard input", "stdin", None)]
    path = Path(text)
    try:
        if path.is_dir():
            return [_source(file) for file in _photographs_in(path)]
        path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{_printable(path)}: no file or folder to read ({reason}); check the name") from error
    return [] if _is_result(path) else [_source(path)]


def _photographs_in(folder: Path) -> list[Path]:
    try:
        files = [path for path in folder.iterdir() if is_photograph(path) and path.is_file()]
    except OSError as error:
        raise SurroundingsError(f"{_printable(folder)}: cannot be read ({error.strerror})") from error
    found = [path for path in files if not path.name.startswith(".") and not _is_result(path)]
    if not found:
        raise UsageError(
            f"{_printable(folder)}: holds no photograph; name a folder with PNG, JPEG, TIFF or PPM files in it"
        )
    return sorted(found, key=_counting_order)


def _counting_order(path: Path) -> tuple[list[str | int], str]:
    parts = _DIGITS.split(path.name.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], path.name


def _is_result(path: Path) -> bool:
    return path.name.casefold().endswith(_RESULT_ENDINGS)


def _source(path: Path) -> Source:
    return Source(_printable(path), stem_of(path), path)


def _printable(path: Path) -> str:
    """A file's name need not be text; what is not becomes a question mark in messages."""
    return str(path).encode("utf-8", "replace").decode("utf-8")
