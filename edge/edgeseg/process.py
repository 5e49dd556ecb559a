"""How the command's process starts and ends: what Python does there by itself takes longer than a photograph.

For the same reason the records that a run loads are NamedTuples: a frozen dataclass takes six times as long to define,
and 40 of them a tenth of a run.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def loading() -> Iterator[None]:
    """Modules are loaded: Python's collector would look at them again and again, and finds nothing to collect.

    Nor does it later: what is there at the end is left out for good.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if before:
            gc.enable()


def end(code: object) -> None:
    """End the process as `sys.exit(code)` does, but leave it to the system to take Python and its libraries apart.

    What is registered for the end is done, and output is flushed. Returns, for the ordinary way, where there is more
    to do: a thread still runs, output cannot be written, or the code is a message.
    """
    if not (code is None or isinstance(code, int)) or threading.active_count() > 1:
        _flush()
        return
    atexit._run_exitfuncs()
    if _flush():
        os._exit((code or 0) & 0xFF)


def _flush() -> bool:
    """Whether all output could be written. What could not is dropped: Python would try again, and exit with 120."""
    written = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):  # the disk is full, nobody reads it any more, or it is closed
            written = False
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
    return written
