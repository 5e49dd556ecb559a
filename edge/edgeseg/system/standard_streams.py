"""Standard streams: descriptors 0 to 2 must be open before any other file is."""

from __future__ import annotations

import os
import sys


def open_missing_streams() -> None:
    """Open the null device on every closed descriptor from 0 to 2.

    Otherwise a result's file gets such a descriptor, and a message written to standard error by any
    library ends up in the file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The system assigns the lowest free descriptor, which is this one.
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", buffering=1)  # noqa: SIM115
