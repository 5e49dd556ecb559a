"""Throughput of a run."""

import time
from collections.abc import Mapping

from msgspec import UNSET

from edgeseg.console import plural
from edgeseg.run.results.record import Records
from edgeseg.system.stage_timer import Stage

_PIPELINE_STEPS: Mapping[str, tuple[Stage, ...]] = {
    "decode": ("decode",),
    "segment": ("field_of_view", "quality", "preprocess", "infer", "postprocess"),
    "measure": ("measure",),
    "write": ("encode", "write", "video"),
}


class Throughput:
    """Sums of the stage times of a run.

    Args:
        cores: number of cores that the process may use.
        workers: number of frames that are processed at the same time.
    """

    def __init__(self, cores: int, workers: int) -> None:
        self.cores = cores
        self.workers = workers
        self.frames = 0
        self._sums_ms = dict.fromkeys(_PIPELINE_STEPS, 0.0)
        self._wall_start = time.perf_counter()
        self._cpu_start = time.process_time()

    def add(self, records: Records) -> None:
        """Count a frame if this run segmented one of its fields of view."""
        first = records[0]  # the times of the frame are the same in all its records
        is_segmented = any(record.vessel_density is not None for record in records)
        if not is_segmented or first.reused is True or first.timings_ms is UNSET:
            return
        self.frames += 1
        for step, stages in _PIPELINE_STEPS.items():
            for stage in stages:
                self._sums_ms[step] += first.timings_ms.get(stage, 0.0)

    def summary(self) -> str:
        """Return a message with the frame rate and its share of the highest possible rate."""
        wall_s = time.perf_counter() - self._wall_start
        cpu_s = time.process_time() - self._cpu_start
        if not self.frames:
            return "throughput: no frame was segmented"
        core_s = cpu_s / self.frames
        limit = self.cores / core_s
        reached = self.frames / wall_s
        steps = []
        for step, total_ms in self._sums_ms.items():
            steps.append(f"{step} {total_ms / self.frames:.0f} ms")
        return (
            f"throughput: {reached:.2f} frames/s, {reached / limit:.2f} of the rate with all cores "
            f"fully used ({core_s:.3f} core-seconds per frame on {self.cores} cores; "
            f"{', '.join(steps)}; {plural(self.workers, 'frame')} at a time)"
        )
