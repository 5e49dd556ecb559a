"""Collection of the inputs given as arguments and in a list."""

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edgeseg.errors import SystemSetupError, UsageError
from edgeseg.imaging.file_signatures import IMAGE_FORMATS
from edgeseg.run.inputs.file_kind import is_result
from edgeseg.run.inputs.folder import FolderScanner
from edgeseg.run.inputs.input import STDIN_NAME, Input, is_video_name, path_text
from edgeseg.run.inputs.mask_files import is_mask
from edgeseg.run.inputs.names import PlacedFile, distinct_stems
from edgeseg.run.inputs.skipped import SkippedFiles


class CollectedInputs(NamedTuple):
    """Inputs of a run.

    Attributes:
        inputs: photographs, videos and standard input, in the order of the arguments.
        skipped: files that are not segmented.
    """

    inputs: list[Input]
    skipped: SkippedFiles


def collect_inputs(
    arguments: Sequence[str], recursive: bool = False, listed: Sequence[str] = ()
) -> CollectedInputs:
    """Return the inputs in order and without duplicates.

    For a folder, the photographs in this folder are returned. A file argument is always an input
    unless it is a result of edgeseg. A mask is an input only if there are no other inputs. Each
    link is a separate input.

    Args:
        arguments: files, folders, or "-" for standard input.
        recursive: whether to include the sub-folders of folders.
        listed: additional files and folders. A missing file does not raise an error: it is reported
            as a failed input, and the other files are processed.

    Raises:
        UsageError: An argument does not exist, a folder contains no photograph, or every argument
            is a result.
        SystemSetupError: A folder cannot be read.
    """
    collector = _Collector(FolderScanner(recursive))
    for argument in arguments:
        collector.add_argument(argument)
    for name in listed:
        collector.add_listed(name)
    collector.skip_masks()
    files = list(collector.files.values())
    if not files:
        name = arguments[0] if arguments else "INPUT"
        raise UsageError(
            f"{name}: a result of edgeseg, or a file with the name of a result. Specify a "
            "photograph, or rename the file."
        )
    inputs: list[Input] = []
    for file, stem in zip(files, distinct_stems(files), strict=True):
        name = STDIN_NAME if file.path is None else path_text(file.path)
        inputs.append(Input(name, stem, file.path))
    return CollectedInputs(inputs, collector.skipped)


class _Collector:
    """Ordered collection of input files without duplicates."""

    def __init__(self, scanner: FolderScanner) -> None:
        self.scanner = scanner
        self.files: dict[Path | None, PlacedFile] = {}
        self.skipped = SkippedFiles()
        self._named: list[Path] = []

    def add_argument(self, argument: str) -> None:
        if argument == "-":
            self._add(PlacedFile(None))
            return
        if not argument:
            raise UsageError("'': empty name. Specify a photograph or a folder.")
        path = Path(argument)
        try:
            if path.is_dir():
                self._add_folder(path)
                return
            _reject_special(path)
        except (OSError, ValueError) as error:  # ValueError: a null character
            reason = error.strerror if isinstance(error, OSError) else error
            raise UsageError(
                f"{path_text(path)}: cannot be read ({reason}). Check the name."
            ) from error
        self._add_named(path)

    def add_listed(self, name: str) -> None:
        path = Path(name)
        if os.path.isdir(name):  # noqa: PTH112 - False for a name that is too long
            self._add_folder(path)
        else:
            self._add_named(path)

    def skip_masks(self) -> None:
        """Skip the masks among the file arguments, unless there are no other inputs."""
        if len(self.files) < 2:
            return
        masks = [path for path in self._named if not is_video_name(path) and is_mask(path)]
        if len(masks) == len(self.files):
            return
        for path in masks:
            del self.files[_identity(path)]
            self.skipped.add(path, "mask")

    def _add(self, file: PlacedFile) -> bool:
        key = file.path and _identity(file.path)
        if key in self.files:
            return False
        self.files[key] = file
        return True

    def _add_named(self, path: Path) -> None:
        if is_result(path):
            self.skipped.add(path, "result")
        elif self._add(PlacedFile(path)):
            self._named.append(path)

    def _add_folder(self, folder: Path) -> None:
        try:
            listing = self.scanner.scan(folder)
            if listing.errors:
                raise listing.errors[0]
        except OSError as error:
            unreadable = Path(error.filename or folder)
            raise SystemSetupError(
                f"{path_text(unreadable)}: folder cannot be read ({error.strerror}). Check "
                "the permissions."
            ) from error
        self.skipped.update(listing.skipped)
        if not listing.photographs:
            found = listing.skipped.describe()
            raise UsageError(
                f"{path_text(folder)}: no photographs in this folder"
                f"{f' (skipped: {found})' if found else ''}. "
                f"Specify a folder of {IMAGE_FORMATS} files."
            )
        for file in listing.placed(folder):
            self._add(file)


def _identity(path: Path) -> Path:
    """Return the absolute path of a file. Links are not resolved, except before `..`."""
    if ".." in path.parts:
        return path.parent.resolve() / path.name
    return path.absolute()


def _reject_special(path: Path) -> None:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):  # reading a pipe or a device may block forever
        raise OSError(errno.EINVAL, "not a regular file")
