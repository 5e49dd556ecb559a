"""The parent's side of a row's process: start it, ask it, notice that it died."""

from __future__ import annotations

import ctypes
import json
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

import edgeseg
import edgeseg_benchmarks
from edgeseg.fields import Fields


class RowError(Exception):
    """Why a row failed; the table goes on."""


def environment(threads: int | None = None) -> dict[str, str]:
    """Of a child: it finds the packages where this process found them, wherever it was started.

    Args:
        threads: of NumPy's matrix products.
    """
    roots = [
        str(Path(package.__file__ or "").parents[1]) for package in (edgeseg, edgeseg_benchmarks)
    ]
    found = [
        root
        for root in dict.fromkeys(roots)
        if not root.endswith(("site-packages", "dist-packages"))
    ]
    path = os.pathsep.join([*found, *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {**os.environ, **({"PYTHONPATH": path} if path else {})}
    if threads is not None:
        variables |= dict.fromkeys(
            ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads)
        )
    return variables


def python(module: str) -> list[str]:
    """A command that calls `main` of a module."""
    return statement(f"from {module} import main; main()")


def statement(text: str) -> list[str]:
    """A command that does what a line of Python says.

    Neither `python -m` nor `python -c` by itself: they look for every module in the folder at hand first, where a
    `json.py` of the user's may lie.
    """
    return [sys.executable, "-c", f"import sys; sys.path[:] = filter(None, sys.path); {text}"]


def die_with_parent() -> None:
    """A process that stands still, or only waits, would not notice that the bench was killed."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class WorkerProcess:
    """A worker (`edgeseg_benchmarks.worker.row_worker`), asked over pipes.

    Args:
        timeout_s: for one answer; a process that takes longer is killed.
        threads: of NumPy's matrix products.
    """

    def __init__(self, timeout_s: float, threads: int | None = None) -> None:
        self._timeout_s = timeout_s
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self._child = subprocess.Popen(
            python("edgeseg_benchmarks.worker.row_worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env=environment(threads),
        )
        self._answers: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def ask(self, request: Mapping[str, object]) -> Fields:
        """One answer.

        Raises:
            RowError: it answered with an error, died, or took too long.
        """
        assert self._child.stdin is not None
        try:
            self._send(signal.SIGCONT)
            self._child.stdin.write(json.dumps(request) + "\n")
            self._child.stdin.flush()
            line = self._answers.get(timeout=self._timeout_s)
            self._send(signal.SIGSTOP)
        except (OSError, ValueError):
            line = None
        except queue.Empty:
            self.close()
            raise RowError(
                f"no answer within {self._timeout_s:g} s; the process was stopped"
            ) from None
        if line is None:
            raise RowError(self._obituary())
        answer = Fields(json.loads(line), str(request["do"]))
        if answer.has("error"):
            raise RowError(_plain(str(answer.value("error"))))
        return answer

    def _send(self, number: signal.Signals) -> None:
        """Between its turns a process stands still: its idle threads would spin for some milliseconds into the next."""
        if os.name == "posix":
            self._child.send_signal(number)

    def close(self) -> None:
        """End the process."""
        self._child.kill()
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            try:
                if stream is not None:
                    stream.close()
            except OSError:
                continue

    def _listen(self) -> None:
        assert self._child.stdout is not None
        try:
            for line in self._child.stdout:
                self._answers.put(line)
        except ValueError:  # closed meanwhile
            pass
        self._answers.put(None)

    def _obituary(self) -> str:
        code = self._child.wait()
        cause = f"exit code {code}" if code >= 0 else f"signal {_signal(-code)}"
        if code == -signal.SIGKILL:
            cause += ", as the system does where memory runs out"
        self._errors.seek(0)
        last = [
            line
            for line in self._errors.read().decode(errors="replace").splitlines()
            if line.strip()
        ][-1:]
        return _plain(f"its process died ({cause}){''.join(f': {line.strip()}' for line in last)}")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _plain(text: str) -> str:
    """One printable line."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:500]
