"""How the command's process ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

ENDING = "import atexit, sys\nfrom edgeseg import process\n"


def end(program: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", ENDING + program], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("code", "expected"), [("None", 0), ("0", 0), ("3", 3), ("130", 130)])
def test_output_is_flushed_and_what_is_registered_is_done(code: str, expected: int) -> None:
    program = f"atexit.register(lambda: print('registered')); print('said', end=' '); process.end({code}); print('no')"
    assert end(program) == (expected, "said registered\n", "")


def test_a_thread_and_a_message_end_the_ordinary_way() -> None:
    thread = "import threading, time; threading.Thread(target=lambda: (time.sleep(0.3), print('done'))).start();"
    assert end(f"{thread} process.end(0); sys.exit(4)") == (4, "done\n", "")
    assert end("process.end('why'); sys.exit('why')") == (1, "", "why\n")


def test_output_that_nobody_reads_ends_the_ordinary_way() -> None:
    assert end("sys.stdout.close(); process.end(0); sys.exit(5)")[0] == 5
