"""Client of a row's process: start the process and send requests."""

import json
import subprocess
import tempfile
import time
from contextlib import suppress
from typing import TypeVar

import msgspec
import psutil

from edgeseg.system.process_exit import describe_exit
from edgeseg_benchmarks.worker.process import RowError, child_environment, python_module, time_limit

T = TypeVar("T")


class Reply(msgspec.Struct, frozen=True):
    """Reply of a worker: the return value of the function, or an error in one line."""

    value: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""


class RoundTiming(msgspec.Struct, frozen=True):
    """Timing of a row in one round, in milliseconds.

    Attributes:
        network_ms: time of the network alone.
        end_to_end_ms: time from the bytes of a file to the mask.
        stages_ms: time of each stage of `end_to_end_ms`.
    """

    network_ms: float
    end_to_end_ms: float
    stages_ms: dict[str, float]


class WorkerProcess:
    """Process that executes `edgeseg_benchmarks.worker.row_worker` and is controlled through pipes.

    Args:
        timeout_s: time limit for one reply, after which the process is killed.
        threads: number of threads for NumPy's matrix products.
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

    def call(self, function: str, reply_type: type[T], **arguments: object) -> T:
        """Call a function of the worker and wait for its return value.

        Between calls, the process is suspended. Otherwise, its idle threads would use the CPU for
        some milliseconds and slow down the next row.

        Args:
            function: name of a function of `row_worker.Worker`.
            reply_type: type of the return value.
            arguments: keyword arguments of the function.

        Raises:
            RowError: The function failed or took too long, or the process ended unexpectedly.
        """
        assert self._child.stdin is not None and self._child.stdout is not None
        # msgspec cannot encode file names that are not valid UTF-8.
        request = json.dumps((function, arguments)).encode() + b"\n"
        line = b""
        start = time.monotonic()
        with suppress(OSError, ValueError, psutil.Error), time_limit(self._child, self._timeout_s):
            self._process.resume()
            self._child.stdin.write(request)
            self._child.stdin.flush()
            line = self._child.stdout.readline()
            self._process.suspend()
        if not line and time.monotonic() - start >= self._timeout_s:
            self.close()
            raise RowError(f"no reply within {self._timeout_s:g} s; the process was stopped")
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
        cause = describe_exit(self._child.wait())
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return ": ".join([f"the process ended unexpectedly ({cause})", *lines[-1:]])[:500]
