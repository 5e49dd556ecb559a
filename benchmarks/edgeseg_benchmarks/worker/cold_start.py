"""From the start of a fresh process to its first mask: `edgeseg run` on one photograph, until it tells of the mask."""

from __future__ import annotations

import tempfile
from pathlib import Path

from edgeseg_benchmarks.rows import RowSpec
from edgeseg_benchmarks.worker.affinity import pinned
from edgeseg_benchmarks.worker.client import python
from edgeseg_benchmarks.worker.subprocess_timing import time_command

SLOW_MS = 5000
"""From here on once is enough."""


def cold_start(candidate: RowSpec, photograph: Path, timeout_s: float) -> float:
    """Milliseconds until `edgeseg run` prints a line, once the mask is written; the overlay is not.

    Raises:
        RowError: it failed, or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        command = [
            *python("edgeseg.__main__"),
            "run",
            str(photograph),
            "-o",
            folder,
            "--no-overlay",
        ]
        with pinned(candidate.key.threads):
            return time_command([*command, *run_options(candidate)], timeout_s).first_line_ms


def run_options(candidate: RowSpec) -> list[str]:
    """Of `edgeseg run`, so that it computes as the row does."""
    key = candidate.key
    return ["--model", str(candidate.file), "--runtime", key.runtime, "--threads", str(key.threads)]
