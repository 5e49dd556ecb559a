"""Checks of DICOM files before pixels are decoded."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from edgeseg.errors import InvalidImageError
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.file_headers import peek_header
from edgeseg.imaging.file_signatures import is_dicom, recognize_file
from edgeseg.imaging.required_memory import estimate_bytes

pydicom = pytest.importorskip("pydicom", reason="needs the extra 'dicom'")

from edgeseg.dicom.frame import DicomFrame  # noqa: E402
from edgeseg.dicom.instance import read_instance  # noqa: E402

Maker: TypeAlias = Callable[..., bytes]
Compressor: TypeAlias = Callable[[bytes, str], bytes]

CT = "1.2.840.10008.5.1.4.1.1.2"
TRUE_COLOUR_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.4"
DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"


def code_of(data: bytes) -> str:
    with pytest.raises(InvalidImageError) as caught:
        read_instance(data)
    return caught.value.code


@pytest.mark.parametrize("sop_class", [
    "1.2.840.10008.5.1.4.1.1.77.1.5.1", "1.2.840.10008.5.1.4.1.1.77.1.5.2",
    "1.2.840.10008.5.1.4.1.1.77.1.5.5", "1.2.840.10008.5.1.4.1.1.7", TRUE_COLOUR_CAPTURE,
    "1.2.840.10008.5.1.4.1.1.77.1.4",
])  # fmt: skip
def test_classes_of_photographs_are_read(make_dicom: Maker, photo: Photo, sop_class: str) -> None:
    instance = read_instance(make_dicom(photo, sop_class=sop_class))
    assert instance.sop_class == sop_class
    assert np.array_equal(DicomFrame(instance).decode(), photo)


def test_other_class_is_rejected_with_its_name(make_dicom: Maker, photo: Photo) -> None:
    with pytest.raises(InvalidImageError, match="CT Image Storage") as caught:
        read_instance(make_dicom(photo, sop_class=CT))
    assert caught.value.code == "unsupported_format"


def test_unsupported_transfer_syntax_is_rejected_with_its_name(
    make_dicom: Maker, photo: Photo
) -> None:
    from pydicom.encaps import encapsulate

    syntax = "1.2.840.10008.1.2.4.100"
    stream = make_dicom(photo, syntax=syntax, pixel_data=bytes(encapsulate([b"mpeg"])))
    with pytest.raises(InvalidImageError, match="MPEG2") as caught:
        read_instance(stream)
    assert caught.value.code == "unsupported_format"


@pytest.mark.parametrize("frames", ["2", " 2 ", "2.0", "02"])
def test_number_of_frames_as_text_is_read(make_dicom: Maker, photo: Photo, frames: str) -> None:
    data = make_dicom(np.stack([photo, photo[::-1]]), NumberOfFrames="7")
    padded = frames.ljust(4)[:4].encode()
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.NumberOfFrames = "7777"
    stream = io.BytesIO()
    dataset.save_as(stream)
    assert stream.getvalue().count(b"IS\x04\x007777") == 1
    changed = stream.getvalue().replace(b"IS\x04\x007777", b"IS\x04\x00" + padded)
    instance = read_instance(changed)
    assert instance.layout.frames == 2
    assert np.array_equal(DicomFrame(instance, 2).decode(), photo[::-1])


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", RLE])
def test_every_frame_is_decoded(
    make_dicom: Maker, compress: Compressor, photo: Photo, syntax: str
) -> None:
    frames = [photo, photo[::-1], photo[:, ::-1]]
    data = make_dicom(np.stack(frames), sop_class=TRUE_COLOUR_CAPTURE)
    instance = read_instance(data if syntax != RLE else compress(data, syntax))
    for number, expected in enumerate(frames, 1):
        assert np.array_equal(DicomFrame(instance, number).decode(), expected)


def test_empty_required_attributes_are_tolerated(make_dicom: Maker, photo: Photo) -> None:
    data = make_dicom(
        photo,
        PupilDilated="",
        PlanarConfiguration=None,
        PixelRepresentation=None,
        HighBit=None,
        BitsStored=None,
        PatientID=None,
        ImageLaterality="",
    )
    assert np.array_equal(DicomFrame(read_instance(data)).decode(), photo)


@pytest.mark.parametrize(
    ("elements", "code"),
    [
        ({"Rows": 201}, "undecodable"),
        ({"Rows": 0}, "undecodable"),
        ({"Rows": 65535, "Columns": 65535}, "too_large"),
        ({"Rows": None}, "undecodable"),
        ({"NumberOfFrames": 2}, "undecodable"),
        ({"NumberOfFrames": 1000000}, "too_large"),
        ({"BitsAllocated": 32, "BitsStored": 32}, "unsupported_format"),
        ({"BitsAllocated": 1, "BitsStored": 1}, "unsupported_format"),
        ({"BitsStored": 12}, "undecodable"),
        ({"PixelRepresentation": 1}, "unsupported_format"),
        ({"PhotometricInterpretation": "CMYK"}, "unsupported_format"),
        ({"PhotometricInterpretation": "MONOCHROME2"}, "undecodable"),
        ({"SamplesPerPixel": 4}, "undecodable"),
        ({"SOPClassUID": None}, "unsupported_format"),
    ],
)
def test_contradictory_header_is_rejected(
    make_dicom: Maker, photo: Photo, elements: dict[str, object], code: str
) -> None:
    data = make_dicom(photo, **elements)
    if "SOPClassUID" in elements:
        data = data.replace(
            b"1.2.840.10008.5.1.4.1.1.77.1.5.1", b"1.2.840.10008.5.1.4.1.1.2".ljust(32, b"\0")
        )
    assert code_of(data) == code


def test_subsampled_pixels_with_odd_number_of_columns_are_rejected(make_dicom: Maker) -> None:
    pixels = np.zeros((4, 5, 3), np.uint8)
    assert code_of(make_dicom(pixels, "YBR_FULL_422", pixel_data=bytes(40))) == "undecodable"


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", RLE, "1.2.840.10008.1.2.4.90", DEFLATED])
def test_truncated_file_is_rejected(
    make_dicom: Maker, compress: Compressor, photo: Photo, syntax: str, share: float
) -> None:
    data = make_dicom(photo, syntax=syntax if syntax == DEFLATED else "1.2.840.10008.1.2.1")
    if syntax not in {DEFLATED, "1.2.840.10008.1.2.1"}:
        data = compress(data, syntax)
    code_of(data[: int(len(data) * share)])


def test_deflated_file_larger_than_limit_is_rejected(
    make_dicom: Maker, monkeypatch: pytest.MonkeyPatch, photo: Photo
) -> None:
    monkeypatch.setattr("edgeseg.dicom.instance._MAX_INFLATED_BYTES", 10_000)
    assert code_of(make_dicom(np.zeros_like(photo), syntax=DEFLATED)) == "too_large"


@pytest.mark.parametrize("preamble", [True, False])
def test_uid_of_deflated_files_outside_meta_information_is_ignored(
    make_dicom: Maker, photo: Photo, preamble: bool
) -> None:
    data = make_dicom(photo, preamble=preamble, AvailableTransferSyntaxUID=DEFLATED)
    assert np.array_equal(DicomFrame(read_instance(data)).decode(), photo)


@pytest.mark.parametrize("group_length", [None, 4])
def test_deflated_file_with_wrong_length_of_meta_information_is_read(
    make_dicom: Maker, photo: Photo, group_length: int | None
) -> None:
    data = make_dicom(photo, syntax=DEFLATED)
    element = b"" if group_length is None else data[132:140] + group_length.to_bytes(4, "little")
    data = data[:132] + element + data[144:]
    assert np.array_equal(DicomFrame(read_instance(data)).decode(), photo)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
@pytest.mark.parametrize("preamble", [True, False])
def test_dicom_is_recognized_by_content(
    make_dicom: Maker, photo: Photo, syntax: str, preamble: bool
) -> None:
    data = make_dicom(photo, syntax=syntax, preamble=preamble)
    assert is_dicom(data[:4096])
    assert recognize_file(data[:4096]).kind == "photograph"


@pytest.mark.parametrize(
    "beginning", [b"", b"\x08\0", b"\x08\0\0\0\x04\0\0\0zzzz\x07\0", b"\x02\0\0\0UL", bytes(200)]
)
def test_other_bytes_are_not_recognized_as_dicom(beginning: bytes) -> None:
    assert not is_dicom(beginning)


def test_size_is_read_from_the_beginning_of_a_file(make_dicom: Maker, photo: Photo) -> None:
    data = make_dicom(photo[:120])
    header = peek_header(data)
    assert header is not None
    assert (header.format, header.width, header.height) == ("dicom", 200, 120)
    assert peek_header(data[:300]) is None


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.70"])
def test_header_of_jpeg2000_and_lossless_jpeg_counts_memory_of_decoder(
    make_dicom: Maker, photo: Photo, syntax: str
) -> None:
    from pydicom.encaps import encapsulate

    data = make_dicom(photo, syntax=syntax, pixel_data=encapsulate([bytes(1000)]))
    header = peek_header(data)
    assert header is not None
    assert header.decoder_bytes == 24


def test_estimate_of_upload_larger_than_the_beginnings_uses_its_size(make_dicom: Maker) -> None:
    data = make_dicom(np.full((1300, 1300, 3), 90, np.uint8))
    assert len(data) > 1 << 22
    assert len(data) < estimate_bytes(data) < 5 * len(data)
