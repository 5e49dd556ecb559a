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

import pytest

from edgeseg.imaging.encoder import encode_png
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
