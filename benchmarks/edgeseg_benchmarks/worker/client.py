"""The client of a row's process: start it, send requests, detect that it died."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec
import psutil

import edgeseg
import edgeseg_benchmarks

T = TypeVar("T")
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class RowError(Exception):
    """Failure of one row; the other rows continue."""


class Reply(msgspec.Struct, frozen=True):
    """Reply of a worker: the return value of the function, or an error in one line."""

    value: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""


def child_environment(threads: int | None = None) -> dict[str, str]:
    """Return environment variables with which a child imports the same packages as this process.

    Args:
        threads: number of threads of NumPy's matrix products.
    """
    variables = dict(os.environ)
    roots = [Path(package.__file__ or "").parents[1] for package in (edgeseg, edgeseg_benchmarks)]
    if not roots[0].name.endswith("-packages"):  # not installed: an editable or a test environment
        paths = [*map(str, roots), os.environ.get("PYTHONPATH", "")]
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    if threads is not None:
        variables |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    return variables


def python_module(module: str) -> list[str]:
    """Return a command that calls `main` of a module."""
    return python_statement(f"from {module} import main; main()")


def python_statement(text: str) -> list[str]:
    """Return a command that executes a line of Python.

    Neither `python -m` nor `python -c` alone: they import from the current folder first, which may
    contain a `json.py` of the user.
    """
    return [sys.executable, "-c", f"import sys; sys.path[:] = filter(None, sys.path); {text}"]


def die_with_parent() -> None:
    """Make the kernel kill this process when its parent ends, even while it is suspended."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


@contextmanager
def time_limit(child: subprocess.Popen[bytes], timeout_s: float) -> Iterator[None]:
    """Kill a process if the `with` block exceeds a time limit or is interrupted."""
    watchdog = threading.Timer(timeout_s, child.kill)
    watchdog.start()
    try:
        yield
    except BaseException:  # Ctrl-C may not have reached the child
        child.kill()
        raise
    finally:
        watchdog.cancel()  # otherwise this process would wait for it at its end


class WorkerProcess:
    """A process that executes `edgeseg_benchmarks.worker.row_worker`, controlled over pipes.

    Args:
        timeout_s: time limit for one answer; the process is killed if it takes longer.
        threads: number of threads of NumPy's matrix products.
    """

    def __init__(self, timeout_s: float, threads: int | None = None) -> None:
        self._timeout_s = timeout_s
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self._child = subprocess.Popen(
            python_module("edgeseg_benchmarks.worker.row_worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=child_environment(threads),
        )
        self._process = psutil.Process(self._child.pid)

    def call(
        self, function: str, reply_type: type[T], arguments: Mapping[str, object] | None = None
    ) -> T:
        """Call a function of the worker and wait for its return value.

        Between calls the process is suspended: its idle threads would spin for some milliseconds
        and take time from the next row.

        Args:
            function: name of a function of `row_worker.Worker`.
            reply_type: type of the return value.
            arguments: keyword arguments.

        Raises:
            RowError: the function failed, the process died, or it took too long.
        """
        assert self._child.stdin is not None and self._child.stdout is not None
        line = b""
        start = time.monotonic()
        with suppress(OSError, ValueError, psutil.Error), time_limit(self._child, self._timeout_s):
            self._process.resume()
            self._child.stdin.write(msgspec.json.encode((function, arguments or {})) + b"\n")
            self._child.stdin.flush()
            line = self._child.stdout.readline()
            self._process.suspend()
        if not line and time.monotonic() - start >= self._timeout_s:
            self.close()
            raise RowError(f"no answer within {self._timeout_s:g} s; the process was stopped")
        if not line:
            raise RowError(self._describe_death())
        reply = msgspec.json.decode(line, type=Reply)
        if reply.error:
            raise RowError(reply.error)
        return msgspec.json.decode(reply.value, type=reply_type)

    def close(self) -> None:
        """Kill the process and close its pipes."""
        self._child.kill()
        with suppress(OSError, ValueError):
            self._child.communicate()

    def _describe_death(self) -> str:
        code = self._child.wait()
        cause = f"exit code {code}"
        if code < 0:
            with suppress(ValueError):
                cause = f"signal {signal.Signals(-code).name}"
        if code == -signal.SIGKILL:
            cause += ", which the system sends if memory runs out"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return ": ".join([f"the process died ({cause})", *lines[-1:]])[:500]
