"""Client of the application, server process, and photographs to upload."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.segmenter import Segmenter
from edgeseg.synthetic import generate_photo

pytest.importorskip("starlette", reason="needs the extra 'web'")

from starlette.testclient import TestClient

from edgeseg.server.application import create_application

URL = "http://127.0.0.1:8000"


@pytest.fixture(scope="session")
def photograph() -> bytes:
    return encode_png(generate_photo(5, 400).photo)


@pytest.fixture(scope="session")
def tiny_segmenter(tiny_model: Path) -> Segmenter:
    return Segmenter(tiny_model, threads=1)


@pytest.fixture(scope="session")
def client(tiny_segmenter: Segmenter) -> Iterator[TestClient]:
    with TestClient(create_application(tiny_segmenter, workers=2), URL) as opened:
        yield opened


class RunningServer(NamedTuple):
    """A server process and its address."""

    process: subprocess.Popen[str]
    url: str


@pytest.fixture(scope="session")
def serving() -> Callable[..., AbstractContextManager[RunningServer]]:
    """Function that starts `edgeseg serve` with arguments and environment variables."""
    return _serve


@contextmanager
def _serve(*arguments: str, **variables: str) -> Iterator[RunningServer]:
    command = [sys.executable, "-m", "edgeseg", "serve", "--port", "0", "--threads", "1"]
    process = subprocess.Popen(
        [*command, *arguments], stderr=subprocess.PIPE, text=True, env=os.environ | variables
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        match = re.search(r"serving (https?://\S+)", line)
        assert match is not None, line
        yield RunningServer(process, match[1])
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A photograph, a rotated and a blurred copy, two fields of view, two pages, and a text."""
    folder = tmp_path_factory.mktemp("photographs")
    first, second = generate_photo(1, 420).photo, generate_photo(2, 420).photo
    success, pages = cv2.imencodemulti(".tiff", [second[:, :, ::-1], first[:, :, ::-1]])
    assert success
    gap = np.zeros((420, 60, 3), np.uint8)
    content = {
        "eye.png": encode_png(first[30:, :400]),
        "turned.jpg": with_orientation(encode_jpeg(second[:, 20:]), 6),
        "both.png": encode_png(np.hstack([first, gap, second])),
        "pages.tif": pages.tobytes(),
        "blurred.png": encode_png(np.asarray(cv2.GaussianBlur(first, (0, 0), 20), np.uint8)),
        "notes.txt": b"text",
    }
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in content}


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Return a JPEG file with an EXIF orientation."""
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0%c\0\0\0\0\0\0" % orientation
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]
