"""Memory of a run with large photographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.imaging.encoder import encode_jpeg
from edgeseg.synthetic import generate_photo


@pytest.mark.slow
def test_run_of_two_large_photographs_requires_less_than_a_gigabyte(
    tmp_path: Path, run_and_measure_memory: Callable[..., tuple[str, int]]
) -> None:
    photo = cv2.resize(generate_photo(3, 2000).photo, (10_000, 10_000))
    data = encode_jpeg(np.asarray(photo, np.uint8))
    for name in ("first.jpg", "second.jpg"):
        (tmp_path / name).write_bytes(data)
    code = (
        "import sys; from edgeseg.commands.run import run; run(sys.argv[1:], standalone_mode=False)"
    )
    _, peak = run_and_measure_memory(code, "first.jpg", "second.jpg", "-o", "out", "--measures")
    assert (tmp_path / "out" / "measures.csv").read_text().count(",ok,") >= 2
    assert peak < 1_000_000
