"""Processes of a benchmark: environment, cores, time limit and timing."""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

import edgeseg
import edgeseg_benchmarks

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class RowError(Exception):
    """Failure of one row. The other rows are still measured."""


class CommandTiming(NamedTuple):
    """Milliseconds from the start of a command to its first line and to its end."""

    first_line_ms: float
    total_ms: float


def fastest_cores(threads: int, root: Path = Path("/")) -> list[int]:
    """Return the fastest cores that this process may use.

    On big.LITTLE chips, core 0 is a slow core. psutil is not used, because it reports one frequency
    per cluster instead of per core.

    Args:
        threads: number of cores. If fewer cores are available, all available cores are returned.
        root: root of the file system. Tests give another folder.
    """
    frequencies = {}
    for core in psutil.Process().cpu_affinity() or ():
        file = root / f"sys/devices/system/cpu/cpu{core}/cpufreq/cpuinfo_max_freq"
        frequencies[core] = int(file.read_text()) if file.exists() else 0
    return sorted(frequencies, key=lambda core: (-frequencies[core], core))[:threads]


def pin(threads: int, process: int | None = None) -> None:
    """Pin a process and its later threads to cores, if the system supports this.

    Args:
        threads: number of cores.
        process: identifier of the process; None means the current process.
    """
    if hasattr(os, "sched_setaffinity"):  # psutil does not support this on macOS
        psutil.Process(process).cpu_affinity(fastest_cores(threads))


def child_environment(threads: int | None = None) -> dict[str, str]:
    """Return environment variables, so that a child process imports the same packages.

    Args:
        threads: number of threads of NumPy's matrix products.
    """
    variables = dict(os.environ)
    roots = [Path(package.__file__ or "").parents[1] for package in (edgeseg, edgeseg_benchmarks)]
    if not roots[0].name.endswith("-packages"):  # editable or test environment
        paths = [*map(str, roots), os.environ.get("PYTHONPATH", "")]
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    if threads is not None:
        variables |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    return variables


def python_module(module: str) -> list[str]:
    """Return a command that calls the function `main` of a module."""
    return python_statement(f"from {module} import main; main()")


def python_statement(text: str) -> list[str]:
    """Return a command that executes a line of Python.

    `python -m` and `python -c` import modules from the current folder, which may contain a user's
    file such as `json.py`.
    """
    return [sys.executable, "-c", f"import sys; sys.path[:] = filter(None, sys.path); {text}"]


def die_with_parent() -> None:
    """Configure Linux to kill this process when its parent ends, even if it is suspended."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


@contextmanager
def time_limit(child: subprocess.Popen[bytes], timeout_s: float) -> Iterator[None]:
    """Kill a process if the `with` block exceeds the time limit or is interrupted."""
    watchdog = threading.Timer(timeout_s, child.kill)
    watchdog.start()
    try:
        yield
    except BaseException:  # Ctrl-C may not have reached the child
        child.kill()
        raise
    finally:
        watchdog.cancel()  # without this, the exit of this process would wait for the child


def elapsed_ms(step: Callable[[], object]) -> float:
    """Return the time of one call in milliseconds."""
    start = time.perf_counter()
    step()
    return (time.perf_counter() - start) * 1e3


def time_command(
    command: Sequence[str], timeout_s: float, name: str = "edgeseg run", threads: int | None = None
) -> CommandTiming:
    """Run a command to its end.

    Args:
        command: program and arguments.
        timeout_s: time limit, after which the process is killed.
        name: name of the command in errors.
        threads: number of cores for the process; None means the cores of this process.

    Raises:
        RowError: The command failed or took too long.
    """
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=child_environment()
        ) as child:
            assert child.stdout is not None
            if threads is not None:
                pin(threads, child.pid)
            with time_limit(child, timeout_s):
                child.stdout.readline()
                first_line = time.perf_counter() - start
                child.stdout.read()
                code = child.wait()
                total = time.perf_counter() - start
        if code and total >= timeout_s:
            raise RowError(f"`{name}` did not end within {timeout_s:g} s")
        if code:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").splitlines()
            raise RowError(f"`{name}` failed: {''.join(lines[-1:])[:300]}")
    return CommandTiming(first_line * 1e3, total * 1e3)
