"""The client of a row's process: start it, send requests, detect that it died."""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
import psutil

import edgeseg
import edgeseg_benchmarks

T = TypeVar("T")


class RowError(Exception):
    """Why a row failed; the other rows continue."""


class Request(msgspec.Struct, frozen=True):
    """A call of a function of `row_worker.Worker`.

    Attributes:
        function: name of the function.
        arguments: its keyword arguments.
    """

    function: str
    arguments: dict[str, object]


class Reply(msgspec.Struct, frozen=True):
    """The answer to a request.

    Attributes:
        value: return value of the function.
        error: one line, or "".
    """

    value: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""


def child_environment(threads: int | None = None) -> dict[str, str]:
    """Return the environment of a child process, which imports the same packages as this one.

    Args:
        threads: number of threads of NumPy's matrix products.
    """
    variables = dict(os.environ)
    roots = [Path(package.__file__ or "").parents[1] for package in (edgeseg, edgeseg_benchmarks)]
    if not roots[0].name.endswith("-packages"):  # not installed: an editable or a test environment
        paths = [*map(str, roots), os.environ.get("PYTHONPATH", "")]
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    if threads is not None:
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            variables[name] = str(threads)
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
    """Let the system kill this process when its parent ends: a stopped process cannot notice it."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class WorkerProcess:
    """A process that executes `edgeseg_benchmarks.worker.row_worker`, controlled over pipes.

    Args:
        timeout_s: time limit for one answer; the process is killed if it takes longer.
        threads: number of threads of NumPy's matrix products.
    """

    def __init__(self, timeout_s: float, threads: int | None = None) -> None:
        self._timeout_s = timeout_s
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self._child = psutil.Popen(
            python_module("edgeseg_benchmarks.worker.row_worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=child_environment(threads),
        )
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read_lines, daemon=True).start()

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
        request = msgspec.json.encode(Request(function, dict(arguments or {})))
        try:
            self._child.resume()
            self._child.stdin.write(request + b"\n")
            self._child.stdin.flush()
            line = self._lines.get(timeout=self._timeout_s)
            self._child.suspend()
        except queue.Empty:
            self.close()
            raise RowError(
                f"no answer within {self._timeout_s:g} s; the process was stopped"
            ) from None
        except (OSError, ValueError, psutil.Error):
            line = b""
        if not line:
            raise RowError(self._describe_death())
        reply = msgspec.json.decode(line, type=Reply)
        if reply.error:
            raise RowError(reply.error)
        return msgspec.json.decode(reply.value, type=reply_type)

    def close(self) -> None:
        """Kill the process."""
        with suppress(psutil.Error):
            self._child.kill()
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            with suppress(OSError):
                stream.close()

    def _read_lines(self) -> None:
        with suppress(ValueError):  # raised if the pipe is closed meanwhile
            for line in self._child.stdout:
                self._lines.put(line)
        self._lines.put(b"")

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
