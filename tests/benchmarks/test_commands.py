"""Commands as whole processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeseg_benchmarks.peak_rss import peak_rss
from edgeseg_benchmarks.worker.client import RowError, statement
from edgeseg_benchmarks.worker.subprocess_timing import time_command


def test_a_cold_start_ends_with_the_first_mask() -> None:
    lingers = "import time; print('mask', flush=True); time.sleep(0.8); print('bye')"
    start = time.perf_counter()
    spent = time_command([sys.executable, "-c", lingers], 60)
    assert (
        spent.first_line_ms <= (time.perf_counter() - start) * 1e3 - 700
    )  # what comes after the mask is not in it
    assert spent.whole_ms >= spent.first_line_ms + 700
    assert spent.printed == "mask\nbye\n"


def test_a_command_that_fails_or_takes_too_long_is_told() -> None:
    with pytest.raises(RowError, match="`edgeseg run` did not end within"):
        time_command([sys.executable, "-c", "import time; time.sleep(60)"], 0.2)
    with pytest.raises(RowError, match="`it` failed: so it is"):
        time_command([sys.executable, "-c", "import sys; sys.exit('so it is')"], 60, "it")


def test_a_statement_imports_nothing_from_the_folder_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a stranger was imported')")
    monkeypatch.chdir(tmp_path)
    assert time_command(statement("import json; print(json.dumps(1))"), 60).printed == "1\n"


@pytest.mark.skipif(
    sys.platform != "linux", reason="that the parent's memory is counted in is Linux's way"
)
def test_a_peak_is_the_commands_own_whatever_its_parent_holds() -> None:
    parent = bytearray(b"1") * (150 << 20)
    little = peak_rss(statement("pass"), 60)
    much = peak_rss(statement("bytearray(b'1') * (60 << 20); print('done')"), 60)
    assert little < 60e6 < much < len(parent)


def test_a_peaks_command_that_fails_or_takes_too_long_is_told() -> None:
    with pytest.raises(RowError, match="`it` failed: so it is"):
        peak_rss(statement("sys.exit('so it is')"), 60, "it")
    with pytest.raises(RowError, match="did not end within"):
        peak_rss(statement("import time; time.sleep(60)"), 1)


def test_an_interrupted_one_leaves_neither_a_process_nor_a_thread(tmp_path: Path) -> None:
    # A watchdog that went on would keep the bench from ending for as long as it waits.
    mark = tmp_path / "pid"
    lingers = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = (
        "import os, signal, sys, threading, time\n"
        "from pathlib import Path\n"
        "from edgeseg_benchmarks.worker.subprocess_timing import time_command\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
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
