"""A client of the application, and photographs to upload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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
