"""Claims of results: exclusive between processes, and released when a process ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeseg.run.claims import FILE_NAME, ResultClaims
from edgeseg.system.signals import StopRequest

HOLDER = """
import sys
from pathlib import Path
from edgeseg.run.claims import ResultClaims
from edgeseg.system.signals import StopRequest
claims = ResultClaims(Path(sys.argv[1]), StopRequest())
claims.acquire("p1/eye")
print("claimed", flush=True)
for line in sys.stdin:
    claims.release("p1/eye")
    print("released", flush=True)
"""


@contextmanager
def another_process(output: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(output)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        yield process
        process.kill()


def acquire_in_thread(claims: ResultClaims, stem: str) -> threading.Thread:
    thread = threading.Thread(target=claims.acquire, args=(stem,), daemon=True)
    thread.start()
    thread.join(0.3)
    return thread


def test_acquire_waits_until_another_process_releases(tmp_path: Path) -> None:
    claims = ResultClaims(tmp_path, StopRequest())
    with another_process(tmp_path) as process:
        claims.acquire("p2/eye")
        thread = acquire_in_thread(claims, "p1/eye")
        assert thread.is_alive()
        assert process.stdin is not None
        process.stdin.write("release\n")
        process.stdin.flush()
        thread.join(60)
        assert not thread.is_alive()
    claims.close()
    assert not (tmp_path / FILE_NAME).exists()


def test_acquire_waits_until_another_process_is_killed(tmp_path: Path) -> None:
    claims = ResultClaims(tmp_path, StopRequest())
    with another_process(tmp_path) as process:
        thread = acquire_in_thread(claims, "p1/eye")
        assert thread.is_alive()
        process.kill()
        thread.join(60)
        assert not thread.is_alive()
    claims.close()
    assert not (tmp_path / FILE_NAME).exists()


def test_acquire_ends_when_a_stop_is_requested(tmp_path: Path) -> None:
    stop = StopRequest()
    claims = ResultClaims(tmp_path, stop)
    with another_process(tmp_path):
        thread = acquire_in_thread(claims, "p1/eye")
        assert thread.is_alive()
        stop.ask()
        thread.join(60)
        assert not thread.is_alive()
        claims.close()
        assert (tmp_path / FILE_NAME).exists()


def test_claims_have_no_effect_in_a_read_only_folder(tmp_path: Path) -> None:
    claims = ResultClaims(tmp_path / "missing", StopRequest())
    claims.acquire("eye")
    claims.release("eye")
    claims.close()


def test_claims_do_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "target")
    claims = ResultClaims(tmp_path, StopRequest())
    claims.acquire("eye")
    claims.close()
    assert (tmp_path / "target").exists()
