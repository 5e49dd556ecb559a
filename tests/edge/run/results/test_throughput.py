"""Throughput of a run: which frames are counted."""

from __future__ import annotations

from collections.abc import Callable

from edgeseg.run.results.record import ResultRecord
from edgeseg.run.results.throughput import Throughput


def test_throughput_counts_frames_that_were_segmented(
    make_record: Callable[..., ResultRecord],
) -> None:
    timings = {"infer": 20.0, "measure": 30.0}
    segmented = make_record(vessel_density=0.1, timings_ms=timings)
    ungradable = make_record(vessel_density=None, timings_ms=timings)
    throughput = Throughput(cores=1, workers=1)
    throughput.add((ungradable,))
    throughput.add((make_record(vessel_density=0.1, timings_ms={}, reused=True),))
    assert throughput.frames == 0
    throughput.add((ungradable, segmented))
    assert throughput.frames == 1
    assert "segment 20 ms, measure 30 ms" in throughput.summary()
