"""Protection of the standard streams (file descriptors 0 to 2)."""

import ctypes
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


class BestEffortStderr(io.TextIOWrapper):
    """Standard error that ignores write errors, so that a full disk does not end a run.

    A closed pipe still raises BrokenPipeError.
    """

    def write(self, text: str) -> int:
        """Write text and ignore errors other than a closed pipe."""
        try:
            return super().write(text)
        except BrokenPipeError:
            raise
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Flush the stream and ignore errors other than a closed pipe."""
        try:
            super().flush()
        except BrokenPipeError:
            raise
        except OSError:
            return


def prepare_streams() -> None:
    """Open the null device on closed descriptors 0 to 2, and ignore write errors of standard error.

    If descriptor 2 were closed, a result file could get this descriptor, and libraries would write
    their messages to this file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The operating system assigns the lowest free descriptor, which is this one.
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8")  # noqa: SIM115
    encoding = "utf-8" if sys.stderr is None else sys.stderr.encoding
    binary = open(2, "wb", closefd=False)  # noqa: SIM115
    sys.stderr = BestEffortStderr(binary, encoding, "backslashreplace", line_buffering=True)


@contextmanager
def divert_stdout() -> Iterator[None]:
    """Redirect the standard output of libraries and child processes to standard error.

    Standard output should contain only results, but runtimes and users' networks may also print to
    it. The redirection changes descriptor 1 of the whole process. Therefore only the commands use
    this function, not the Python API.
    """
    _flush_c_streams()
    standard_output = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _flush_c_streams()  # C libraries may have buffered output
        os.dup2(standard_output, 1)
        os.close(standard_output)


def _flush_c_streams() -> None:
    ctypes.CDLL(None).fflush(None)
