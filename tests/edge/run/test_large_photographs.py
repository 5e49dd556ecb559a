"""Memory of a run with large photographs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.imaging.encoder import encode_jpeg
from edgeseg.synthetic import generate_photo


@pytest.mark.slow
def test_run_of_two_large_photographs_requires_less_than_a_gigabyte(tmp_path: Path) -> None:
    photo = cv2.resize(generate_photo(3, 2000).photo, (10_000, 10_000))
    data = encode_jpeg(np.asarray(photo, np.uint8))
    for name in ("first.jpg", "second.jpg"):
        (tmp_path / name).write_bytes(data)
    # ru_maxrss would include the memory of the test process, because the child was forked from it.
    code = (
        "import sys; from edgeseg.commands.run import run; "
        "run(sys.argv[1:], standalone_mode=False); "
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    command = [sys.executable, "-c", code, "first.jpg", "second.jpg", "-o", "out", "--measures"]
    result = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, check=True, text=True)
    assert (tmp_path / "out" / "measures.csv").read_text().count(",ok,") >= 2
    assert int(result.stdout.split()[-1]) < 1_000_000
