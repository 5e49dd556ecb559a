"""Temporary folder of a command, which is deleted even after SIGTERM."""

import errno
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from edgeseg.errors import SystemSetupError


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Provide a temporary folder that is deleted even after SIGTERM. Call it in the main thread.

    Raises:
        SystemSetupError: The disk of the folder is full.
    """

    def exit_by_signal(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    previous = signal.signal(signal.SIGTERM, exit_by_signal)
    try:
        with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
            yield Path(folder)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise SystemSetupError(
            f"{tempfile.gettempdir()}: the disk is full. "
            "Free some space or set TMPDIR to a folder on another disk."
        ) from error
    finally:
        signal.signal(signal.SIGTERM, previous)
