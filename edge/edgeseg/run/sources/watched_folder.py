"""Watched folder. New photographs are segmented as soon as they are completely written.

A file is complete when it has not changed between two checks and contains all data that its header
specifies. If a file remains incomplete for some time, it is yielded nevertheless, and its error is
reported once.
"""

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

from edgeseg.errors import InvalidImageError, PhotoError
from edgeseg.imaging.file_headers import read_header
from edgeseg.imaging.photo import read_photo_bytes
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import FolderScanner, Input, SkippedFiles
from edgeseg.run.inputs.folder import FolderListing
from edgeseg.run.sources.pages import split_pages
from edgeseg.system.rate_limit import MessageCallback, RateLimitedMessage
from edgeseg.system.signals import StopRequest

# Codes of problems that also occur in complete files.
_FINAL_CODES = frozenset({"unsupported_format", "missing_extra"})

_FileState: TypeAlias = tuple[int, int, int]
"""State of a file: size in bytes, modification time in nanoseconds, inode."""


@dataclass
class _WatchedFile:
    """State of a file in the folder.

    Attributes:
        state: state at the last check.
        since: time of the first check with this state, in seconds of the monotonic clock.
        yielded: state of the file when it was yielded.
    """

    state: _FileState | None = None
    since: float = 0.0
    yielded: _FileState | None = None


@dataclass
class WatchedFolder:
    """Existing and new photographs in a folder.

    Attributes:
        folder: folder.
        say: function that prints a message.
        recursive: whether to watch sub-folders.
        poll_s: seconds between two checks.
        patience_s: seconds after which an unchanged incomplete file is yielded.
    """

    folder: Path
    say: MessageCallback
    recursive: bool = False
    poll_s: float = 0.5
    patience_s: float = 30.0
    stem: str = "photographs"
    total: None = None
    live: bool = False
    fps: None = None
    _files: dict[Path, _WatchedFile] = field(default_factory=dict)
    _reported: set[Path] = field(default_factory=set)
    _new: set[Path] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Name of the source in messages."""
        return str(self.folder)

    def frames(self, stop: StopRequest) -> Iterator[Frame | None]:
        """Yield photographs, and None before each wait, until `stop` is requested."""
        warn = RateLimitedMessage(self.say)
        scanner = FolderScanner(self.recursive)
        while not stop.asked:
            try:
                listing = scanner.scan(self.folder)
            except OSError as error:
                self._warn(warn, error)
                stop.pause(self.poll_s)
                continue
            for unreadable in listing.errors:
                self._warn(warn, unreadable)
            self._report_skipped(listing.skipped)
            photographs = listing.inputs(self.folder)
            for photograph in photographs:
                if stop.asked:
                    return
                frame = self._check_file(photograph)
                if frame is not None:
                    yield from split_pages(frame, photographs)
            self._forget_missing(listing)
            yield None
            stop.pause(self.poll_s)

    def _warn(self, warn: RateLimitedMessage, error: OSError) -> None:
        warn(
            f"{error.filename or self.name}: folder cannot be read ({error.strerror}). "
            "Waiting for the folder. Press Ctrl-C to stop."
        )

    def _report_skipped(self, skipped: SkippedFiles) -> None:
        """Report each skipped file once, when two consecutive checks have skipped it.

        A new file may be incomplete at the first check and therefore have the wrong kind.
        """
        current = set(skipped.kinds) - self._reported
        settled = SkippedFiles()
        for path in current & self._new:
            # Results may be from this run, and hidden files may be uploads in progress.
            if skipped.kinds[path] not in {"result", "hidden"}:
                settled.add(path, skipped.kinds[path])
            self._reported.add(path)
        self._new = current
        description = settled.describe()
        if description:
            self.say(f"{self.name}: skipped: {description}")

    def _check_file(self, photograph: Input) -> Frame | None:
        """Return a frame if the file is complete and has not been yielded in this state."""
        path = photograph.path
        assert path is not None
        state = _file_state(path)
        file = self._files.setdefault(path, _WatchedFile())
        if state is None or state == file.yielded:
            return None
        if state != file.state:
            file.state = state
            file.since = time.monotonic()
            return None
        load = _prepare_load(path, time.monotonic() - file.since > self.patience_s)
        if load is None or _file_state(path) != state:
            return None
        file.yielded = state
        required_bytes = photograph.estimate_memory()
        return Frame(photograph.name, photograph.stem, load, required_bytes=required_bytes)

    def _forget_missing(self, listing: FolderListing) -> None:
        for path in self._files.keys() - set(listing.photographs):
            del self._files[path]
        self._reported &= set(listing.skipped.kinds)


def _file_state(path: Path) -> _FileState | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _prepare_load(path: Path, is_overdue: bool) -> Callable[[], bytes] | None:
    """Return a function that loads the photograph, or None while the file is incomplete."""
    try:
        data = read_photo_bytes(path)
    except PhotoError:
        return partial(read_photo_bytes, path) if is_overdue else None
    if is_overdue or _is_complete(data):
        return partial(bytes, data)
    return None


def _is_complete(data: bytes) -> bool:
    try:
        if data.startswith(b"\x1f\x8b"):
            unpacker = zlib.decompressobj(31)
            while data and not unpacker.eof:
                unpacker.decompress(data, 1 << 20)
                data = unpacker.unconsumed_tail
            return unpacker.eof
        read_header(data)
    except InvalidImageError as error:
        return error.code in _FINAL_CODES
    except zlib.error:
        return False
    return True
