"""Latency of an INT8 file relative to FP32 on this machine.

INT8 is faster for convolutions, but slower for some transformers: SwinUNETR takes 50 ms instead of
33 ms. `auto` does not measure latencies on a device. Therefore, the file contains a flag if INT8 is
clearly slower. The file does not contain the latencies, so that files are reproducible.
"""

import statistics
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from edgeseg.evaluation.result import Check
from edgeseg.models.selection import INT8_FEATURES

# Ratio of the latencies of INT8 and FP32 above which INT8 is clearly slower.
MAX_LATENCY_RATIO = 1.1

PROCESSES = 3
TIMEOUT_S = 120


def measure_latency_ratio(
    fp32_file: Path, file: Path, size: int, threads: int, features: Collection[str]
) -> tuple[float | None, str]:
    """Compare the latencies of an INT8 file and the FP32 file in several new processes.

    Args:
        fp32_file: FP32 file of the same network.
        file: INT8 file.
        size: side of the network input in pixels.
        threads: number of CPU threads.
        features: CPU features, as in /proc/cpuinfo.

    Returns:
        Median ratio of the latencies of INT8 and FP32, and "". If the latencies cannot be
        measured, the function returns None and the reason.
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
                # `python -m` imports modules from the current folder.
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
    """Return whether INT8 is clearly slower, so that `auto` prefers FP32."""
    return ratio is not None and ratio > MAX_LATENCY_RATIO


def describe_latency(ratio: float | None, problem: str) -> Check:
    """Report the latency ratio. The check always passes, because a slow file is correct."""
    if ratio is None:
        return Check("latency", None, None, f"not measured: {problem}", True)
    note = "latency of INT8 divided by latency of FP32, on this machine"
    if is_slower(ratio):
        note += f"; above {MAX_LATENCY_RATIO:g}: `auto` prefers FP32"
    return Check("latency", ratio, None, note, True)
