"""Checks and rebuilding of lossless JPEG streams before GDCM decodes them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from edgeseg.errors import PhotoError
from edgeseg.imaging.arrays import Photo

pydicom = pytest.importorskip("pydicom", reason="needs the extra 'dicom'")

from edgeseg.dicom.frame import DicomFrame  # noqa: E402
from edgeseg.dicom.instance import DicomInstance, read_instance  # noqa: E402

Maker: TypeAlias = Callable[..., bytes]
Edit: TypeAlias = Callable[[bytes], bytes]


def with_stream(data: bytes, edit: Edit) -> DicomInstance:
    """Return a file in which the only frame has been edited."""
    from pydicom.encaps import encapsulate, generate_frames

    dataset = pydicom.dcmread(io.BytesIO(data))
    stream = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([edit(stream)])
    changed = io.BytesIO()
    dataset.save_as(changed)
    return read_instance(changed.getvalue())


@pytest.fixture
def data(make_dicom: Maker, compress_with_gdcm: Maker, photo: Photo) -> bytes:
    return compress_with_gdcm(make_dicom(photo))


@pytest.mark.parametrize(
    "segment",
    [
        b"\xff\xee\x00\x0aAdobe\x62\x64\x00",  # GDCM crashes with this colour space
        b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x01",
        b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00",
        b"\xff\xfe\x00\x06note",
    ],
)
def test_application_segments_do_not_change_pixels(
    data: bytes, photo: Photo, segment: bytes
) -> None:
    instance = with_stream(data, lambda stream: stream[:2] + segment + stream[2:])
    assert np.array_equal(DicomFrame(instance).decode(), photo)


def replace_first(old: bytes, new: bytes) -> Edit:
    return lambda stream: stream.replace(old, new, 1)


@pytest.mark.parametrize(
    "edit",
    [
        lambda stream: stream[: len(stream) // 2],
        lambda stream: stream[: stream.index(b"\xff\xda") + 6],
        lambda stream: stream[: len(stream) // 2] + b"\xff\xc3" + stream[len(stream) // 2 :],
        lambda stream: stream.replace(b"\xff\xc4", b"\xff\xfe"),
        replace_first(b"\xff\xda\x00\x0c\x03", b"\xff\xda\x00\x0c\x04"),
        lambda stream: stream[:2] + b"\xff\xc4\x00\x14\x00" + b"\xff" * 17 + stream[2:],
    ],
)
def test_damaged_stream_is_rejected(data: bytes, edit: Edit) -> None:
    with pytest.raises(PhotoError) as caught:
        DicomFrame(with_stream(data, edit)).decode()
    assert caught.value.code == "undecodable"
