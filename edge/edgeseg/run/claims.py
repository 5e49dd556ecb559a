"""Claims of photographs by processes that resume into one folder at the same time.

Each result has one byte in the file `.edgeseg-claims` of the output folder. A process locks the
byte while it computes the result; another process waits and then reuses the result. The system
releases the locks of a process that ends, even by SIGKILL. The locks are POSIX record locks, which
also work on NFS with its lock service. On a file system without locks, every process computes
everything.
"""

import fcntl
import hashlib
import os
from pathlib import Path
from typing import TypeAlias

from edgeseg.system.signals import StopRequest

FILE_NAME = ".edgeseg-claims"

_POLL_S = 0.05
_USERS = 0  # byte that all processes with the file open lock together
_KEY_BYTES = 6

_Lock: TypeAlias = int


class ResultClaims:
    """Claim results in an output folder.

    Args:
        output: output folder, which exists.
        stop: stop request, which ends waiting.
    """

    def __init__(self, output: Path, stop: StopRequest) -> None:
        self._path = output / FILE_NAME
        self._stop = stop
        self._descriptor = self._open()

    def acquire(self, stem: str) -> None:
        """Claim the results of a photograph; wait while another process computes them.

        Args:
            stem: prefix of the result names.
        """
        while self._descriptor is not None and not self._stop.asked:
            try:
                self._lock(fcntl.LOCK_EX, _offset(stem))
            except BlockingIOError:
                self._stop.pause(_POLL_S)
            except OSError:  # no locks here
                return
            else:
                return

    def release(self, stem: str) -> None:
        """Release a claim, if there is one."""
        if self._descriptor is not None:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _offset(stem))

    def close(self) -> None:
        """Release all claims; the last process removes the file."""
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
        """Open the file and register as a user; None if the file system has no locks."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        while True:
            try:
                descriptor = os.open(self._path, flags, 0o666)
            except OSError:
                return None
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_SH, 1, _USERS)
                current = self._path.stat()
            except FileNotFoundError:  # removed by the last process before it was locked
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
    """Return the byte of a result; it comes after the byte that all users lock."""
    digest = hashlib.sha256(stem.encode("utf-8", "surrogateescape")).digest()
    return 1 + int.from_bytes(digest[:_KEY_BYTES], "big")
