"""Description of a process that ended unexpectedly."""

import signal
from contextlib import suppress


def describe_exit(exit_code: int) -> str:
    """Return the reason why a process ended.

    Args:
        exit_code: exit code, or the negative number of a signal.
    """
    cause = f"exit code {exit_code}"
    if exit_code < 0:
        with suppress(ValueError):
            cause = f"signal {signal.Signals(-exit_code).name}"
    if exit_code == -signal.SIGKILL:
        cause += ", which the system also sends if memory is exhausted"
    return cause
