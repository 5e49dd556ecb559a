"""Distribution of photographs among processes that use the same output folder.

The file `.edgeseg-claims` in the output folder contains one byte per result. A process claims a
result by locking its byte. Other processes wait and then reuse the result. The operating system
releases the locks of a process when it ends, even if it is killed. The locks are POSIX record
locks, which also work on NFS with a lock service. On a file system without locks, several processes
may compute the same photograph. The results are the same.
"""

import fcntl
import hashlib
import os
from pathlib import Path
from typing import TypeAlias

from edgeseg.system.signals import StopRequest

FILE_NAME = ".edgeseg-claims"

_POLL_S = 0.05
_USERS = 0  # all processes that use the file have a shared lock on this byte
_KEY_BYTES = 6

_Lock: TypeAlias = int


class ResultClaims:
    """Locks on the results in an output folder, so that only one process computes a result.

    Args:
        output: existing output folder.
        stop: stop request. `acquire` stops waiting when it is set.
    """

    def __init__(self, output: Path, stop: StopRequest) -> None:
        self._path = output / FILE_NAME
        self._stop = stop
        self._descriptor = self._open()

    def acquire(self, stem: str) -> None:
        """Claim the results of a photograph. Wait while another process computes these results.

        Args:
            stem: prefix of the result names.
        """
        while self._descriptor is not None and not self._stop.asked:
            try:
                self._lock(fcntl.LOCK_EX, _offset(stem))
            except BlockingIOError:
                self._stop.pause(_POLL_S)
            except OSError:  # the file system does not support locks
                return
            else:
                return

    def release(self, stem: str) -> None:
        """Release the claim of a photograph. Nothing happens if it was not claimed."""
        if self._descriptor is not None:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _offset(stem))

    def close(self) -> None:
        """Release all claims. The last process deletes the lock file."""
        if self._descriptor is None:
            return
        try:
            self._lock(fcntl.LOCK_EX, _USERS)
            self._path.unlink()
        except OSError:  # another process uses the file
            pass
        os.close(self._descriptor)
        self._descriptor = None

    def _open(self) -> int | None:
        """Open and share the lock file. Return None if the file system does not support locks."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        while True:
            try:
                descriptor = os.open(self._path, flags, 0o666)
            except OSError:
                return None
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_SH, 1, _USERS)
                current = self._path.stat()
            except FileNotFoundError:  # another process removed the file before it was locked
                os.close(descriptor)
                continue
            except OSError:
                os.close(descriptor)
                return None
            if os.path.samestat(current, os.fstat(descriptor)):
                return descriptor
            os.close(descriptor)

    def _lock(self, kind: _Lock, offset: int) -> None:
        assert self._descriptor is not None
        fcntl.lockf(self._descriptor, kind | fcntl.LOCK_NB, 1, offset)


def _offset(stem: str) -> int:
    """Return the offset in the lock file of the byte that is locked for a result; at least 1."""
    digest = hashlib.sha256(stem.encode("utf-8", "surrogateescape")).digest()
    return 1 + int.from_bytes(digest[:_KEY_BYTES], "big")
