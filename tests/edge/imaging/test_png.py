"""PNG writer and reader of text chunks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeseg.imaging.photo import encode_png
from edgeseg.imaging.png import read_png_text, write_png


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 3)])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_encode_png_keeps_every_value(
    shape: tuple[int, ...], depth: type[np.unsignedinteger[Any]]
) -> None:
    image = np.random.default_rng(1).integers(0, np.iinfo(depth).max, shape, depth)
    decoded = cv2.imdecode(np.frombuffer(encode_png(image), np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    np.testing.assert_array_equal(decoded[:, :, ::-1] if len(shape) == 3 else decoded, image)


def test_encode_png_unsupported_shape_or_dtype_raises_type_error() -> None:
    for invalid in (
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4), np.float32),
        np.zeros((0, 4), np.uint8),
    ):
        with pytest.raises(TypeError):
            encode_png(invalid)  # type: ignore[arg-type]


# A thread compresses a band of 90 rows. 5 rows are too few for a thread, 700 need too much memory.
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "heights", [[7], [1, 6], [3, 3, 1], [90, 90, 90, 5], [5, 90, 5, 90, 90, 5, 5], [700, 5, 90]]
)
def test_write_png_any_bands_and_threads_give_the_image(heights: list[int], threads: int) -> None:
    size = (sum(heights), 500)
    image = np.random.default_rng(2).integers(0, 256, (*size, 3), np.uint8)
    bands = np.split(image, np.cumsum(heights)[:-1])
    file, single_threaded = io.BytesIO(), io.BytesIO()
    write_png(file, size, bands, threads=threads)
    write_png(single_threaded, size, bands)
    data = file.getvalue()
    assert data == single_threaded.getvalue()
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    np.testing.assert_array_equal(decoded[:, :, ::-1], image)


def test_read_png_text_cut_off_file_has_text_only_if_incomplete_files_are_allowed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.png"
    texts = {"edgeseg:photograph": "ab" * 32, "Comment": "größe"}
    with file.open("wb") as output:
        write_png(output, (4, 4), [np.zeros((4, 4), np.uint8)], texts)
    assert read_png_text(file) == texts
    file.write_bytes(file.read_bytes()[:-5])
    assert read_png_text(file) == {}
    assert read_png_text(file, require_complete=False) == texts


def test_read_png_text_missing_or_other_file_returns_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bytes(40))
    assert read_png_text(tmp_path / "a.png") == {}
    assert read_png_text(tmp_path / "missing.png") == {}
