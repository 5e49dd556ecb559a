"""How near a run came to what its machine can do: the stages' own times against the frames a second that came out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from edgeseg.run.results.frame_result import FrameResult

_SEGMENT = ("field_of_view", "quality", "preprocess", "infer", "postprocess")
_WRITE = ("encode", "write", "video")


@dataclass
class Throughput:
    """Adds up a run's stages.

    Attributes:
        cores: That the process may use.
        writers: Threads that write; the other stages are serial.
    """

    cores: int
    writers: int
    frames: int = 0
    sums_ms: dict[str, float] = field(
        default_factory=lambda: {"decode": 0.0, "segment": 0.0, "write": 0.0}
    )
    _wall: float = field(default_factory=time.perf_counter)
    _busy: float = field(default_factory=time.process_time)

    def add(self, record: FrameResult) -> None:
        """Count a frame that was segmented."""
        if record.vessel_density is None:
            return
        self.frames += 1
        for stage, names in (("decode", ("decode",)), ("segment", _SEGMENT), ("write", _WRITE)):
            self.sums_ms[stage] += sum(record.timings.get(name, 0.0) for name in names)

    def line(self) -> str:
        """Frames a second, and their share of min(slowest serial stage, cores / core-seconds a frame)."""
        wall, busy = time.perf_counter() - self._wall, time.process_time() - self._busy
        if not self.frames:
            return "throughput: no frame"
        stages = {stage: total / self.frames for stage, total in self.sums_ms.items()}
        serial = (
            max(stages["decode"], stages["segment"], stages["write"] / max(1, self.writers)) / 1e3
        )
        limit, reached = min(1 / serial, self.cores / (busy / self.frames)), self.frames / wall
        each = ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in stages.items())
        return (
            f"throughput: {reached:.2f} frames a second, {reached / limit:.2f} of min(1 / {serial * 1e3:.0f} ms, "
            f"{self.cores} cores / {busy / self.frames:.3f} core-seconds) ({each} in {max(1, self.writers)} threads)"
        )
