"""A folder that is watched: photographs are taken as they come, once they are whole.

A file is whole when it has not changed between two looks and what it says of itself ends where the file ends. One
that stays as it is and is not whole for a while is given all the same, so that it is reported once.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from edgeseg.errors import InvalidImageError, PhotoError
from edgeseg.imaging.file_headers import read_header
from edgeseg.imaging.photo import read_photo_bytes
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import Input, photographs_in, result_name
from edgeseg.system.rate_limit import MessageCallback, RateLimitedMessage
from edgeseg.system.signals import StopRequest

_State: TypeAlias = "tuple[int, int, int]"
"""Size, time of change in nanoseconds, inode."""


@dataclass
class WatchedFolder:
    """The photographs in a folder, those that are there and those that come.

    Attributes:
        folder: The folder; files in folders below it do not count.
        output: Where the results go, for messages.
        say: Tells the user what happens to it.
        look_s: Seconds between two looks.
        patience_s: Seconds for which a file that is not whole may stay as it is.
    """

    folder: Path
    output: Path
    say: MessageCallback
    look_s: float = 0.5
    patience_s: float = 30.0
    stem: str = "photographs"
    total: None = None
    live: bool = False
    fps: None = None
    _seen: dict[Path, tuple[_State, float]] = field(default_factory=dict)
    _done: dict[Path, _State] = field(default_factory=dict)
    _names: dict[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.folder)

    def frames(self, stop: StopRequest) -> Iterator[Frame]:
        """Photographs for ever."""
        tell = RateLimitedMessage(self.say)
        while not stop.asked:
            try:
                present = {
                    photograph.path: photograph
                    for photograph in photographs_in(self.folder)
                    if photograph.path
                }
            except OSError as error:
                tell(
                    f"{self.name}: cannot be read ({error.strerror}); waiting for it (Ctrl-C ends)"
                )
                stop.pause(self.look_s)
                continue
            for photograph in list(present.values()):
                if stop.asked:
                    return
                yield from self._ready(photograph)
            self._forget(present)
            stop.pause(self.look_s)

    def _ready(self, photograph: Input) -> Iterator[Frame]:
        assert photograph.path is not None
        state = _state(photograph.path)
        if state is None or self._done.get(photograph.path) == state:
            return
        before, since = self._seen.get(photograph.path, (None, 0.0))
        if before != state:
            self._seen[photograph.path] = state, time.monotonic()
            return
        first = self._names.setdefault(result_name(photograph.stem), photograph.path)
        load: Callable[[], bytes] | None
        if first != photograph.path:
            load = self._refusal(photograph, first)
        else:
            load = _loaded(photograph.path, time.monotonic() - since > self.patience_s)
        if load is not None and _state(photograph.path) == state:
            self._done[photograph.path] = state
            yield Frame(photograph.name, photograph.stem, load)

    def _refusal(self, photograph: Input, first: Path) -> Callable[[], bytes]:
        """Of two photographs whose results would have the same name, the one that came later."""

        def refuse() -> bytes:
            raise PhotoError(
                f"{photograph.name}: its results in {self.output} would have the names of those of {first}; rename it"
            )

        return refuse

    def _forget(self, present: dict[Path, Input]) -> None:
        """Keep no account of files that are gone."""
        self._seen = {path: seen for path, seen in self._seen.items() if path in present}
        self._done = {path: state for path, state in self._done.items() if path in present}
        self._names = {name: path for name, path in self._names.items() if path in present}


def _state(path: Path) -> _State | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def _loaded(path: Path, at_any_rate: bool) -> Callable[[], bytes] | None:
    """What loads a photograph; None while it is not whole."""
    try:
        data = read_photo_bytes(path)
    except PhotoError:
        return (lambda: read_photo_bytes(path)) if at_any_rate else None
    return (lambda: data) if at_any_rate or _is_whole(data) else None


def _is_whole(data: bytes) -> bool:
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
