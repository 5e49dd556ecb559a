from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeseg_benchmarks.worker.process import (
    RowError,
    fastest_cores,
    pin,
    python_statement,
    time_command,
)

needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system does not pin threads"
)


def test_time_command_first_line_excludes_later_output() -> None:
    lingers = "import time; print('mask', flush=True); time.sleep(0.8); print('bye')"
    start = time.perf_counter()
    timing = time_command([sys.executable, "-c", lingers], 60)
    assert timing.first_line_ms <= (time.perf_counter() - start) * 1e3 - 700
    assert timing.total_ms >= timing.first_line_ms + 700


def test_time_command_that_fails_or_is_slow_raises_an_error() -> None:
    with pytest.raises(RowError, match="edgeseg run"):
        time_command([sys.executable, "-c", "import time; time.sleep(60)"], 0.2)
    with pytest.raises(RowError, match="`it` failed: the reason"):
        time_command([sys.executable, "-c", "import sys; sys.exit('the reason')"], 60, "it")


def test_python_statement_imports_nothing_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('wrong module imported')")
    monkeypatch.chdir(tmp_path)
    command = python_statement("import json; print(json.dumps(1))")
    assert subprocess.check_output(command) == b"1\n"


def test_time_command_when_interrupted_leaves_no_process(tmp_path: Path) -> None:
    # Without cancellation, the watchdog thread would delay the end of the benchmark.
    mark = tmp_path / "pid"
    lingers = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = (
        "import os, signal, sys, threading, time\n"
        "from pathlib import Path\n"
        "from edgeseg_benchmarks.worker.process import time_command\n"
        # Background jobs of a shell ignore the signal.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"mark = Path({str(mark)!r})\n"
        "def interrupt():\n"
        "    while not (mark.exists() and mark.read_text()): time.sleep(0.01)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=interrupt).start()\n"
        f"time_command([sys.executable, '-c', {lingers!r}], 60)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert "KeyboardInterrupt" in done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


@needs_affinity
def test_fastest_cores_start_with_the_highest_frequency(tmp_path: Path) -> None:
    usable = sorted(os.sched_getaffinity(0))
    last = tmp_path / f"sys/devices/system/cpu/cpu{usable[-1]}/cpufreq"
    last.mkdir(parents=True)
    (last / "cpuinfo_max_freq").write_text("2400000\n")
    assert fastest_cores(1, tmp_path) == [usable[-1]]
    assert set(fastest_cores(len(usable) + 5, tmp_path)) == set(usable)


@needs_affinity
def test_pin_of_another_process_does_not_pin_this_process() -> None:
    before = os.sched_getaffinity(0)
    with subprocess.Popen(["sleep", "60"]) as child:
        pin(1, child.pid)
        assert len(os.sched_getaffinity(child.pid)) == 1
        child.kill()
    assert os.sched_getaffinity(0) == before
