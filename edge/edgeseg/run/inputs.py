"""What the command line names -> the photographs and videos to segment, and the files that each will get.

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
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

from edgeseg.errors import SystemSetupError, UsageError
from edgeseg.imaging.photo import is_photograph, photo_stem, read_photo_bytes, read_photo_stream

Part: TypeAlias = Literal["vessels", "overlay", "probability"]
"""What is written of a photograph: `STEM_vessels.png` and so on."""

VIDEO_SUFFIXES = (
    ".mp4",
    ".m4v",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
    ".mpg",
    ".mpeg",
    ".wmv",
    ".ts",
    ".mjpeg",
    ".mjpg",
)
"""Endings of video files, in lower case, with their dots."""

OVERLAY_VIDEO_SUFFIXES = (".mp4", ".avi")
"""Of the overlay video that a video, a camera or a stream gets: the first that OpenCV can write here."""

_RESULT_ENDINGS = (
    *(f"_{part}.png" for part in get_args(Part)),
    *(f"_overlay{suffix}" for suffix in OVERLAY_VIDEO_SUFFIXES),
)
_DIGITS = re.compile(r"([0-9]+)")


class Input(NamedTuple):
    """A photograph to segment, or a video.

    Attributes:
        name: What messages call it.
        stem: What the names of its results begin with.
        path: Its file; None for standard input.
    """

    name: str
    stem: str
    path: Path | None

    @property
    def is_video(self) -> bool:
        """Whether its name ends as a video's does, in upper or lower case."""
        return self.path is not None and self.path.name.lower().endswith(VIDEO_SUFFIXES)

    def read_bytes(self) -> bytes:
        """The whole file, not decoded; standard input can be read once.

        Raises:
            PhotographError: It cannot be read, or is too large for a photograph.
        """
        return (
            read_photo_stream(sys.stdin.buffer, self.name)
            if self.path is None
            else read_photo_bytes(self.path)
        )


def collect_inputs(inputs: Sequence[str]) -> list[Input]:
    """Files, folders and "-" -> photographs, in the order of the inputs, each of them once.

    Raises:
        UsageError: An input does not exist, a folder holds no photograph, or nothing but results was named.
        SurroundingsError: A folder may not be read.
    """
    sources: dict[Path | None, Input] = {}
    for text in inputs:
        for source in _sources(text):
            sources.setdefault(source.path and source.path.resolve(), source)
    if not sources:
        raise UsageError(
            f"{inputs[0] if inputs else 'INPUT'}: by its name a result of edgeseg; rename it if it is none"
        )
    return list(sources.values())


def own_results(inputs: Iterable[str]) -> list[Path]:
    """The inputs that name a result of an earlier run, which `gather` leaves out: for a note to the user."""
    return [Path(text) for text in inputs if _is_result(Path(text)) and not Path(text).is_dir()]


def output_file(stem: str, folder: Path, part: Part) -> Path:
    """The file in `folder` that one of a photograph's results goes to."""
    return folder / f"{stem}_{part}.png"


def result_name(stem: str) -> str:
    """What is equal for two stems whose results would be one file, on an SD card (FAT) too."""
    return unicodedata.normalize("NFC", stem).casefold()


def check_collisions(sources: Iterable[Input], folder: Path) -> None:
    """Refuse, before anything is written, two photographs whose results would have the same name.

    Names that differ in upper and lower case only are the same too: on an SD card (FAT) they are one file.

    Raises:
        UsageError: Names both photographs.
    """
    taken: dict[tuple[bool, str], Input] = {}
    for source in sources:
        first = taken.setdefault((source.is_video, result_name(source.stem)), source)
        if first is not source:
            target = folder / (
                source.stem + ("_overlay.mp4" if source.is_video else "_vessels.png")
            )
            raise UsageError(
                f"{first.name} and {source.name} would both write {target}; rename one or run them separately"
            )


def _sources(text: str) -> list[Input]:
    if text == "-":
        return [Input("standard input", "stdin", None)]
    if not text:
        raise UsageError("'': an empty name; name a photograph or a folder")
    path = Path(text)
    try:
        if path.is_dir():
            return _photographs_in(path)
        path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"{path_text(path)}: no file or folder to read ({reason}); check the name"
        ) from error
    return [] if _is_result(path) else [_source(path)]


def _photographs_in(folder: Path) -> list[Input]:
    try:
        found = photographs_in(folder)
    except OSError as error:
        raise SystemSetupError(f"{path_text(folder)}: cannot be read ({error.strerror})") from error
    if not found:
        raise UsageError(
            f"{path_text(folder)}: holds no photograph; name a folder with PNG, JPEG, TIFF or PPM files in it"
        )
    return found


def photographs_in(folder: Path) -> list[Input]:
    """The photographs in a folder, without hidden files and results, in the order in which a person counts.

    Raises:
        OSError: The folder may not be read.
    """
    files = [path for path in folder.iterdir() if is_photograph(path) and path.is_file()]
    found = [path for path in files if not path.name.startswith(".") and not _is_result(path)]
    return [_source(path) for path in sorted(found, key=_counting_order)]


def _counting_order(path: Path) -> tuple[list[str | int], str]:
    parts = _DIGITS.split(path.name.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], path.name


def _is_result(path: Path) -> bool:
    return path.name.casefold().endswith(_RESULT_ENDINGS)


def _source(path: Path) -> Input:
    return Input(path_text(path), photo_stem(path), path)


def path_text(path: Path) -> str:
    """A file's name need not be text; what is not becomes a question mark in messages."""
    return str(path).encode("utf-8", "replace").decode("utf-8")
