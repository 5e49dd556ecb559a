"""Latency of an INT8 file relative to FP32 on this machine.

INT8 is faster for convolutions, but slower for some transformers: SwinUNETR takes 50 instead of 33
ms. The result is stored in the file, because `auto` measures nothing on a device. It is stored only
if INT8 is clearly slower, so that files stay reproducible.
"""

import statistics
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from edgeseg.evaluation.result import Check
from edgeseg.models.selection import INT8_FEATURES

# INT8 is slower if its latency exceeds this multiple of FP32's.
MAX_LATENCY_RATIO = 1.1

PROCESSES = 3
TIMEOUT_S = 120


def measure_latency_ratio(
    fp32_file: Path, file: Path, size: int, threads: int, features: Collection[str]
) -> tuple[float | None, str]:
    """Compare the latency of an INT8 file with that of the FP32 file, in several new processes.

    Args:
        fp32_file: FP32 file of the same network.
        file: INT8 file.
        size: side of the network input in pixels.
        threads: number of CPU threads.
        features: CPU features, as in /proc/cpuinfo.

    Returns:
        Median over the processes of INT8's latency divided by FP32's, and ""; or None and the
        reason why it cannot be measured.
    """
    if INT8_FEATURES.keys().isdisjoint(features):
        return None, "this CPU has no INT8 instructions"
    arguments = map(str, (fp32_file, file, size, threads))
    command = [sys.executable, "-m", "edgeseg_export.verify.latency_worker", *arguments]
    ratios = []
    for _ in range(PROCESSES):
        try:
            done = subprocess.run(
                command,
                # `-m` searches for modules in the current folder first.
                cwd=Path(__file__).parents[2],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT_S,
                check=True,
            )
            ratios.append(float(done.stdout))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return None, f"the measurement failed ({type(error).__name__})"
    return statistics.median(ratios), ""


def is_slower(ratio: float | None) -> bool:
    """Return whether INT8 is clearly slower, so that `auto` must prefer FP32."""
    return ratio is not None and ratio > MAX_LATENCY_RATIO


def describe_latency(ratio: float | None, problem: str) -> Check:
    """Report the latency ratio; it always passes, because a slow file is correct."""
    if ratio is None:
        return Check("latency", None, None, f"not measured: {problem}", True)
    note = "INT8's latency divided by FP32's on this machine"
    if is_slower(ratio):
        note += f"; above {MAX_LATENCY_RATIO:g}: `auto` prefers FP32"
    return Check("latency", ratio, None, note, True)
