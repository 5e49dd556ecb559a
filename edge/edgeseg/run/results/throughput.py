"""Throughput of a run, as a fraction of the pipeline's limit."""

import time
from collections.abc import Mapping

from msgspec import UNSET

from edgeseg.run.results.record import ResultRecord
from edgeseg.system.stage_timer import Stage

_PIPELINE_STEPS: Mapping[str, tuple[Stage, ...]] = {
    "decode": ("decode",),
    "segment": ("field_of_view", "quality", "preprocess", "infer", "postprocess"),
    "write": ("encode", "write", "video"),
}


class Throughput:
    """Add up the stage times of a run.

    Args:
        cores: number of cores that the process may use.
        writers: number of threads that write; the other steps are serial.
    """

    def __init__(self, cores: int, writers: int) -> None:
        self.cores = cores
        self.writers = max(1, writers)
        self.frames = 0
        self._sums_ms = dict.fromkeys(_PIPELINE_STEPS, 0.0)
        self._wall_start = time.perf_counter()
        self._cpu_start = time.process_time()

    def add(self, record: ResultRecord) -> None:
        """Count a frame, given its first record, if it was segmented."""
        if record.vessel_density is None or record.timings_ms is UNSET:
            return
        self.frames += 1
        for step, stages in _PIPELINE_STEPS.items():
            for stage in stages:
                self._sums_ms[step] += record.timings_ms.get(stage, 0.0)

    def summary(self) -> str:
        """Return frames per second and their share of the pipeline's limit.

        The limit is the slower of the slowest serial step and of all cores at full load.
        """
        wall_s = time.perf_counter() - self._wall_start
        cpu_s = time.process_time() - self._cpu_start
        if not self.frames:
            return "throughput: no frame was segmented"
        means_ms = {step: total / self.frames for step, total in self._sums_ms.items()}
        write_ms = means_ms["write"] / self.writers
        serial_s = max(means_ms["decode"], means_ms["segment"], write_ms) / 1e3
        core_s = cpu_s / self.frames
        limit = min(1 / serial_s, self.cores / core_s)
        reached = self.frames / wall_s
        steps = ", ".join(f"{step} {ms:.0f} ms" for step, ms in means_ms.items())
        return (
            f"throughput: {reached:.2f} frames/s, {reached / limit:.2f} of the pipeline's limit "
            f"(slowest step {serial_s * 1e3:.0f} ms, {core_s:.3f} core-seconds per frame on "
            f"{self.cores} cores; {steps}; writer threads: {self.writers})"
        )
