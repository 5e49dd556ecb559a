"""Shards, which are fixed parts of a job's tasks. Each has at most one main process at a time.

The lock of a shard is a file with the host and the identifier of the main process. This process
renews the lock every few seconds. A lock is replaced if it was not renewed for a minute, or if its
process has ended.
"""

import fcntl
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from edgeseg.batch.job import STATE_FOLDER
from edgeseg.batch.parts import InputRange
from edgeseg.errors import SystemSetupError, UsageError
from edgeseg.system.files import create_exclusively, make_folder, write_errors_named
from edgeseg.system.regular_files import open_without_blocking, read_regular_file

HEARTBEAT_S = 5.0
"""Seconds between two renewals of a lock."""

STALE_S = 60.0
"""Seconds without a renewal after which a lock may be replaced."""


@dataclass(frozen=True)
class Shard:
    """Part of a job: the tasks whose number modulo `count` is `index` - 1."""

    index: int = 1
    count: int = 1

    def __str__(self) -> str:
        """Return the text `I/N`, as on the command line."""
        return f"{self.index}/{self.count}"

    def contains(self, number: int, task_size: int) -> bool:
        """Return whether the input of this number belongs to this shard."""
        return number // task_size % self.count == self.index - 1

    def tasks(self, missing: Iterable[InputRange], task_size: int) -> Iterator[InputRange]:
        """Yield the missing tasks of this shard.

        Args:
            missing: ranges of inputs without a part.
            task_size: number of inputs of a task.
        """
        for start, stop in missing:
            first = start // task_size
            for number in range(first, -(-stop // task_size)):
                low, high = number * task_size, (number + 1) * task_size
                if self.contains(low, task_size):
                    yield InputRange(max(start, low), min(stop, high))


def parse_shard(text: str) -> Shard:
    """Return the shard of a text such as `2/8`.

    Raises:
        UsageError: The text is not I/N with 1 <= I <= N.
    """
    index, _, count = text.partition("/")
    if index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
        return Shard(int(index), int(count))
    raise UsageError(f"--shard {text}: not a shard of the job. Use I/N, such as 1/8 to 8/8.")


class LockHolder(msgspec.Struct, frozen=True):
    """Content of a lock file: the process that has locked the shard."""

    shard: str
    host: str
    pid: int
    started: float


@contextmanager
def hold_shard(output: Path, shard: Shard) -> Iterator[None]:
    """Lock a shard and renew the lock until the block ends.

    Raises:
        SystemSetupError: Another process has locked the shard, or uses another number of shards.
    """
    folder = output / STATE_FOLDER / "locks"
    make_folder(folder)
    path = folder / f"{shard.index}-of-{shard.count}.json"
    with _exclusive_access(folder):
        for other in folder.glob("*-of-*.json"):
            _reject_or_remove(other, path, output, shard)
        me = psutil.Process()
        holder = LockHolder(str(shard), socket.gethostname(), me.pid, me.create_time())
        if not create_exclusively(path, msgspec.json.encode(holder)):
            _reject_or_remove(path, path, output, shard)
            raise SystemSetupError(f"{path}: another process has just started. Try again.")
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(path, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(OSError):
            path.unlink()


def _renew(path: Path, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT_S):
        with suppress(OSError):
            os.utime(path)


@contextmanager
def _exclusive_access(folder: Path) -> Iterator[None]:
    """Allow only one process at a time to replace locks, if the file system supports file locks."""
    with write_errors_named(folder):
        file = open_without_blocking(folder / "access")
    with file:
        with suppress(OSError):
            fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def _reject_or_remove(lock: Path, own: Path, output: Path, shard: Shard) -> None:
    """Remove a lock if its process has ended.

    Raises:
        SystemSetupError: The process of the lock may still be running.
    """
    try:
        holder = msgspec.json.decode(read_regular_file(lock), type=LockHolder)
        age = _time_of_file_system(lock.parent) - lock.stat().st_mtime
    except FileNotFoundError:
        return
    except (OSError, msgspec.MsgspecError):
        holder = LockHolder("?", "an unknown host", 0, 0.0)
        age = STALE_S + 1
    if age > STALE_S or _is_gone(holder):
        with suppress(OSError):
            lock.unlink()
    elif lock == own or not lock.name.endswith(f"-of-{shard.count}.json"):
        raise SystemSetupError(
            f"{output}: shard {holder.shard} is processed by process {holder.pid} on "
            f"{holder.host} (lock renewed {max(age, 0):.0f} s ago). "
            "Wait until this process has ended. The lock "
            f"can be replaced if it is not renewed for {STALE_S:.0f} s."
        )


def _time_of_file_system(folder: Path) -> float:
    """Return the current time of the file server, whose clock may differ from the local clock."""
    file = folder / "access"
    os.utime(file)
    return file.stat().st_mtime


def _is_gone(holder: LockHolder) -> bool:
    """Return whether a process of this computer has ended."""
    if holder.host != socket.gethostname():
        return False
    try:
        return abs(psutil.Process(holder.pid).create_time() - holder.started) > 1
    except psutil.NoSuchProcess:
        return True
