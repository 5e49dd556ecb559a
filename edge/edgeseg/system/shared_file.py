"""Text file that several processes extend and replace."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from edgeseg.system.files import (
    commit,
    create_exclusively,
    temporary_beside,
    write_errors_named,
)
from edgeseg.system.regular_files import open_regular_file

_END_BYTES = 256


class SharedFile:
    """Text file to which only one process at a time has access.

    The locks belong to the open file (`flock`), which also works on NFS. On a file system without
    locks, the last process that replaces the file may remove lines of other processes.

    Args:
        path: file, which is created if it does not exist.
        header: first line of a new file.
    """

    def __init__(self, path: Path, header: str) -> None:
        self.path = path
        self._header = header.encode()
        self._files = ExitStack()  # open files with a lock
        # State after the last access. The last bytes are compared, because the number of a deleted
        # inode is used again.
        self._inode = 0
        self._size = 0
        self._end = b""

    @contextmanager
    def locked(self) -> Iterator[bytes | None]:
        """Lock the file, and yield the lines that other processes have appended.

        None is yielded if the content is unknown: at the first access, and if another process
        has replaced the file or has not completed a line.

        Raises:
            SystemSetupError: The file cannot be opened or written.
        """
        with ExitStack() as self._files:
            with write_errors_named(self.path):
                self._files.enter_context(self._open_locked())
                added = self._read_added()
            yield added

    def append(self, text: str) -> None:
        """Append complete lines.

        Raises:
            SystemSetupError: The file cannot be written.
        """
        data = text.encode()
        with write_errors_named(self.path), self.path.open("ab") as file:
            file.write(data)
        self._size += len(data)
        self._end = (self._end + data)[-_END_BYTES:]

    def replace(self, text: str) -> None:
        """Replace the content, unless it is the same. The new file is locked as well.

        Raises:
            SystemSetupError: The file cannot be written. The existing file is not changed.
        """
        data = text.encode()
        with write_errors_named(self.path):
            with open_regular_file(self.path) as current:
                is_same = current.read() == data and not self.path.is_symlink()
                inode = os.fstat(current.fileno()).st_ino
            if not is_same:
                temporary, file = self._files.enter_context(temporary_beside(self.path))
                file.write(data)
                inode = os.fstat(file.fileno()).st_ino
                commit(temporary, file, self.path)
        self._inode, self._size, self._end = inode, len(data), data[-_END_BYTES:]

    def _read_added(self) -> bytes | None:
        with open_regular_file(self.path) as file:
            inode = os.fstat(file.fileno()).st_ino
            file.seek(self._size - len(self._end))
            data = file.read()
        is_extended = inode == self._inode and data.startswith(self._end)
        if not is_extended or not data.endswith(b"\n"):
            return None
        added = data[len(self._end) :]
        self._size += len(added)
        self._end = data[-_END_BYTES:]
        return added

    def _open_locked(self) -> BinaryIO:
        """Open and lock the file. If it is replaced in the meantime, open the new one."""
        while True:
            if not self.path.exists():
                create_exclusively(self.path, self._header)
            file = self.path.open("r+b")
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                    return file
            file.close()
