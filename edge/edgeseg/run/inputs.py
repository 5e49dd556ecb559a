"""Inputs of a run: photographs, videos and standard input, and the names of their results.

A folder means the photographs directly in it, in natural order (2 before 10), without hidden
files. A file given by name is used with any suffix. Results of `edgeseg run`
(`STEM_vessels.png`, ...) are skipped in both cases, so that a second run on the same folder, or on
`*.png`, does not segment them.
"""

import errno
import re
import stat
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from edgeseg.errors import SystemSetupError, UsageError
from edgeseg.imaging.photo import is_photograph, photo_stem, read_photo_bytes, read_photo_stream

Part: TypeAlias = Literal["vessels", "overlay", "probability", "measures_overlay"]
"""Result picture of a photograph: `STEM_vessels.png` and so on."""

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm",
    ".mpg", ".mpeg", ".wmv", ".ts", ".mjpeg", ".mjpg",
)  # fmt: skip
"""Suffixes of video files, in lower case."""

STDIN_NAME = "standard input"  # in messages
STDIN_STEM = "stdin"  # prefix of its result names

_RESULT_ENDINGS = (
    "_vessels.png",
    "_overlay.png",
    "_probability.png",
    "_overlay.mp4",
    "_overlay.avi",
)
_DIGITS = re.compile(r"([0-9]+)")


class Input(NamedTuple):
    """A photograph or a video to segment.

    Attributes:
        name: name in messages.
        stem: prefix of its result names.
        path: file; None for standard input.
    """

    name: str
    stem: str
    path: Path | None

    @property
    def is_video(self) -> bool:
        """True if the file has the suffix of a video, in upper or lower case."""
        return self.path is not None and self.path.name.lower().endswith(VIDEO_SUFFIXES)

    def read_bytes(self) -> bytes:
        """Read the whole file, without decoding it. Standard input can be read once.

        Raises:
            PhotoError: It cannot be read, or is too large for a photograph.
        """
        if self.path is None:
            return read_photo_stream(sys.stdin.buffer, self.name)
        return read_photo_bytes(self.path)


def collect_inputs(arguments: Sequence[str]) -> list[Input]:
    """Return the inputs given as arguments, in order and without duplicates.

    Args:
        arguments: files, folders, or "-" for standard input.

    Raises:
        UsageError: An argument does not exist, a folder contains no photograph, or every argument
            is a result.
        SystemSetupError: A folder cannot be read.
    """
    inputs: dict[Path | None, Input] = {}
    for argument in arguments:
        for item in _expand_argument(argument):
            inputs.setdefault(item.path and item.path.resolve(), item)
    if not inputs:
        name = arguments[0] if arguments else "INPUT"
        raise UsageError(f"{name}: named like a result of edgeseg. Rename it to segment it.")
    return list(inputs.values())


def own_results(arguments: Iterable[str]) -> list[Path]:
    """Return the named files that `collect_inputs` skips as results of an earlier run."""
    return [path for path in map(Path, arguments) if _is_result(path) and not path.is_dir()]


def list_photographs(folder: Path) -> list[Input]:
    """Return the photographs in a folder, in natural order, without hidden files and results.

    Raises:
        OSError: The folder cannot be read.
    """
    paths = filter(_is_listed, folder.iterdir())
    return [_file_input(path) for path in sorted(paths, key=_natural_order)]


def output_file(stem: str, folder: Path, part: Part) -> Path:
    """Return the path of one of a photograph's results."""
    return folder / f"{stem}_{part}.png"


def collision_key(stem: str) -> str:
    """Return a key that is equal for two stems whose results have the same name.

    Upper and lower case are equal, because they are one file on an SD card (FAT); so are composed
    and decomposed accents (NFC and NFD).
    """
    return unicodedata.normalize("NFC", stem).casefold()


def check_collisions(inputs: Iterable[Input], folder: Path) -> None:
    """Check, before anything is written, that no two inputs have the same result names.

    Args:
        inputs: photographs and videos.
        folder: output folder, for the message.

    Raises:
        UsageError: Two inputs have the same result names; the message names both.
    """
    first_inputs: dict[tuple[bool, str], Input] = {}
    for item in inputs:
        first = first_inputs.setdefault((item.is_video, collision_key(item.stem)), item)
        if first is not item:
            ending = "_overlay.mp4" if item.is_video else "_vessels.png"
            raise UsageError(
                f"{folder / (item.stem + ending)}: result of both {first.name} and {item.name}. "
                "Rename one of them or run them separately."
            )


def path_text(path: Path) -> str:
    """Return a path as valid text: bytes of its name that are not UTF-8 become question marks."""
    return str(path).encode("utf-8", "replace").decode("utf-8")


def _expand_argument(argument: str) -> list[Input]:
    if argument == "-":
        return [Input(STDIN_NAME, STDIN_STEM, None)]
    if not argument:
        raise UsageError("'': empty name. Specify a photograph or a folder.")
    path = Path(argument)
    try:
        if path.is_dir():
            return _expand_folder(path)
        _reject_special(path)
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"{path_text(path)}: cannot be read ({reason}). Check the name."
        ) from error
    if _is_result(path):
        return []
    return [_file_input(path)]


def _reject_special(path: Path) -> None:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):  # a pipe or a device, which may block for ever
        raise OSError(errno.EINVAL, "not a regular file")


def _expand_folder(folder: Path) -> list[Input]:
    try:
        photographs = list_photographs(folder)
    except OSError as error:
        raise SystemSetupError(
            f"{path_text(folder)}: folder cannot be read ({error.strerror}). Check its permissions."
        ) from error
    if not photographs:
        raise UsageError(
            f"{path_text(folder)}: no photographs in this folder. "
            "Specify a folder of PNG, JPEG, TIFF, BMP, GIF, PPM or PGM files."
        )
    return photographs


def _is_listed(path: Path) -> bool:
    is_skipped = path.name.startswith(".") or _is_result(path)
    return is_photograph(path) and not is_skipped and path.is_file()


def _natural_order(path: Path) -> tuple[list[str | int], str]:
    parts: list[str | int] = list(_DIGITS.split(path.name.casefold()))
    parts[1::2] = map(int, parts[1::2])
    return parts, path.name


def _is_result(path: Path) -> bool:
    return path.name.casefold().endswith(_RESULT_ENDINGS)


def _file_input(path: Path) -> Input:
    return Input(path_text(path), photo_stem(path), path)
