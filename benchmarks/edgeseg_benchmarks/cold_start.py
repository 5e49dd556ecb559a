"""From the start of a fresh process to its first mask: `edgeseg run` on one photograph, until it has ended."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

from edgeseg_benchmarks.cores import pinned
from edgeseg_benchmarks.order import Candidate
from edgeseg_benchmarks.processes import RowError, environment, python

SLOW_MS = 5000
"""From here on once is enough."""


def cold_start(candidate: Candidate, photograph: Path, timeout_s: float) -> float:
    """Milliseconds; the mask is written, the overlay is not.

    Raises:
        RowError: it failed, or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        command = [*python("edgeseg.cli"), "run", str(photograph), "-o", folder, "--no-overlay"]
        command += ["--model", str(candidate.file), "--runtime", candidate.key.runtime]
        command += ["--threads", str(candidate.key.threads)]
        start = time.perf_counter()
        try:
            with pinned(candidate.key.threads):
                done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False, env=environment())
        except subprocess.TimeoutExpired:
            raise RowError(f"no mask within {timeout_s:g} s after the process started") from None
        took = (time.perf_counter() - start) * 1e3
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()[-1:]
        raise RowError(f"`edgeseg run` failed: {''.join(filter(str.isprintable, ''.join(lines)))[:300]}")
    return took
