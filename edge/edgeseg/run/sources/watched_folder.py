"""Watched folder: photographs are segmented as they arrive, once they are completely written.

A file is complete when it has not changed between two checks and contains everything that its
header announces. A file that stays incomplete for a while is yielded anyway, so that it is reported
once.
"""

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeAlias

from edgeseg.errors import InvalidImageError, PhotoError
from edgeseg.imaging.file_headers import read_header
from edgeseg.imaging.photo import read_photo_bytes
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import Input, collision_key, list_photographs
from edgeseg.run.sources.pages import split_pages
from edgeseg.system.rate_limit import MessageCallback, RateLimitedMessage
from edgeseg.system.signals import StopRequest

_FileState: TypeAlias = tuple[int, int, int]
"""Size in bytes, modification time in nanoseconds, inode."""


@dataclass
class _WatchedFile:
    """State of a file in the folder.

    Attributes:
        state: state at the last check.
        since: time of the check that found this state first, in seconds of the monotonic clock.
        yielded: state in which the file was yielded.
    """

    state: _FileState | None = None
    since: float = 0.0
    yielded: _FileState | None = None


@dataclass
class WatchedFolder:
    """The photographs in a folder: existing ones and new ones.

    Attributes:
        folder: folder; its subfolders are not watched.
        output: output folder, for messages.
        say: function that prints a message.
        poll_s: seconds between two checks.
        patience_s: seconds after which an incomplete file that does not change is yielded anyway.
    """

    folder: Path
    output: Path
    say: MessageCallback
    poll_s: float = 0.5
    patience_s: float = 30.0
    stem: str = "photographs"
    total: None = None
    live: bool = False
    fps: None = None
    _files: dict[Path, _WatchedFile] = field(default_factory=dict)
    _owners: dict[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name in messages."""
        return str(self.folder)

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Yield photographs until `stop` is requested."""
        warn = RateLimitedMessage(self.say)
        while not stop.asked:
            try:
                photographs = list_photographs(self.folder)
            except OSError as error:
                warn(
                    f"{self.name}: folder cannot be read ({error.strerror}). "
                    "Waiting for it; press Ctrl-C to stop."
                )
                stop.pause(self.poll_s)
                continue
            for photograph in photographs:
                if stop.asked:
                    return
                frame = self._check_file(photograph)
                if frame is not None:
                    yield from split_pages(frame)
            self._forget_missing({photograph.path for photograph in photographs})
            stop.pause(self.poll_s)

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
        owner = self._owners.setdefault(collision_key(photograph.stem), path)
        load: Callable[[], bytes] | None
        if owner != path:
            load = partial(self._reject_collision, photograph, owner)
        else:
            load = _prepare_load(path, time.monotonic() - file.since > self.patience_s)
        if load is None or _file_state(path) != state:
            return None
        file.yielded = state
        return Frame(photograph.name, photograph.stem, load)

    def _reject_collision(self, photograph: Input, owner: Path) -> NoReturn:
        raise PhotoError(
            f"{photograph.name}: its results in {self.output} would have the same names as those "
            f"of {owner}. Rename it.",
            code="name_collision",
        )

    def _forget_missing(self, present: set[Path | None]) -> None:
        for path in self._files.keys() - present:
            del self._files[path]
        self._owners = {key: path for key, path in self._owners.items() if path in present}


def _file_state(path: Path) -> _FileState | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _prepare_load(path: Path, is_overdue: bool) -> Callable[[], bytes] | None:
    """Return a function that loads the photograph; None while the file is incomplete."""
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
    except (InvalidImageError, zlib.error):
        return False
    return True
