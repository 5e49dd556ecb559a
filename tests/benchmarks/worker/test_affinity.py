from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from edgeseg_benchmarks.worker.affinity import fastest_cores, pin

if not hasattr(os, "sched_getaffinity"):
    pytest.skip("this system does not pin threads", allow_module_level=True)


def test_fastest_cores_start_with_the_highest_frequency(tmp_path: Path) -> None:
    usable = sorted(os.sched_getaffinity(0))
    last = tmp_path / f"sys/devices/system/cpu/cpu{usable[-1]}/cpufreq"
    last.mkdir(parents=True)
    (last / "cpuinfo_max_freq").write_text("2400000\n")
    assert fastest_cores(1, tmp_path) == [usable[-1]]
    assert set(fastest_cores(len(usable) + 5, tmp_path)) == set(usable)


def test_pin_of_another_process_pins_only_that_one() -> None:
    before = os.sched_getaffinity(0)
    with subprocess.Popen(["sleep", "60"]) as child:
        pin(1, child.pid)
        assert len(os.sched_getaffinity(child.pid)) == 1
        child.kill()
    assert os.sched_getaffinity(0) == before
