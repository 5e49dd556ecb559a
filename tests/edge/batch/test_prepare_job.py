"""Creation of a job: detection of DICOM files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeseg.batch.job import JobFile

DICOM = bytes(128) + b"DICM" + bytes(400)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.dcm", DICOM, True),
        ("a.dcm.gz", gzip.compress(DICOM), True),
        ("a.jpg", DICOM, True),
        ("a.jpg.gz", gzip.compress(DICOM), True),
        ("a", DICOM, True),
        ("a.jpg", b"\xff\xd8\xff" + bytes(400), False),
        ("a.png.gz", gzip.compress(b"\x89PNG\r\n\x1a\n"), False),
    ],
    ids=["suffix", "gzip-suffix", "content", "gzip-content", "no-suffix", "jpeg", "gzip-png"],
)
def test_job_detects_dicom_by_content(
    tmp_path: Path, make_job: Callable[..., JobFile], name: str, content: bytes, expected: bool
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(content)
    job = make_job(tmp_path / "in", measures=True)
    assert (job.has_scale, job.has_eye) == (expected, expected)
