"""Mutated DICOM files, which must be decoded or rejected without a crash or another error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.errors import PhotoError
from edgeseg.imaging.arrays import Photo
from edgeseg.run.frame import Frame
from edgeseg.run.sources.pages import split_pages

pytest.importorskip("pydicom", reason="needs the extra 'dicom'")

Maker: TypeAlias = Callable[..., bytes]
Compressor: TypeAlias = Callable[[bytes, str], bytes]

# Compressions that libraries decode. Lossless JPEG is tested with edited files.
SYNTAXES = [
    "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
]  # fmt: skip
MUTATIONS = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from([0, 1, 0x7F, 0x80, 0xFF])), min_size=1, max_size=8
)


@pytest.fixture(scope="module")
def originals(make_dicom: Maker, compress: Compressor, photo: Photo) -> list[bytes]:
    small = np.ascontiguousarray(photo[::4, ::4])
    plain = make_dicom(small, PixelSpacing=[0.01, 0.01], ImageLaterality="R")
    return [plain if syntax == SYNTAXES[0] else compress(plain, syntax) for syntax in SYNTAXES]


@pytest.mark.filterwarnings("ignore::UserWarning")  # pytest replaces the filter of the package
@settings(max_examples=100)
@given(number=st.integers(0, len(SYNTAXES) - 1), mutations=MUTATIONS, header=st.booleans())
def test_mutated_file_is_decoded_or_rejected(
    originals: list[bytes], number: int, mutations: list[tuple[float, int]], header: bool
) -> None:
    data = bytearray(originals[number])
    end = min(len(data), 1500) if header else len(data)
    for position, value in mutations:
        data[int(position * (end - 1))] = value
    mutated = bytes(data)
    for frame in split_pages(Frame("file", "file", lambda: mutated)):
        try:
            frame.load()
            if frame.dicom is not None:
                photo = frame.dicom.decode(frame.name)
                assert photo.dtype == np.uint8
                assert photo.shape[2] == 3
        except PhotoError:
            pass
