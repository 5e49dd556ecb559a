"""Pixels of DICOM files: transfer syntaxes, photometric interpretations, and contradictions."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from typing import Any, TypeAlias

import cv2
import numpy as np
import pytest
import simplejpeg

from edgeseg.errors import PhotoError
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.decoder import decode_rgb
from edgeseg.imaging.photo import decode_photo

pydicom = pytest.importorskip("pydicom", reason="needs the extra 'dicom'")

from edgeseg.dicom.frame import DicomFrame  # noqa: E402
from edgeseg.dicom.instance import read_instance  # noqa: E402

Maker: TypeAlias = Callable[..., bytes]
Compressor: TypeAlias = Callable[[bytes, str], bytes]

OPHTHALMIC_16 = "1.2.840.10008.5.1.4.1.1.77.1.5.2"
IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
)
RLE, JPEG_BASELINE, JPEG_LS, JPEG_2000 = (
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
)
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"


def encapsulated_jpeg(jpeg: bytes) -> bytes:
    from pydicom.encaps import encapsulate

    return bytes(encapsulate([jpeg]))


def to_ybr(photo: Photo) -> Photo:
    from pydicom.pixels.processing import convert_color_space

    return np.asarray(convert_color_space(photo, "RGB", "YBR_FULL"), np.uint8)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
def test_uncompressed_file_gives_its_pixels(photo: Photo, syntax: str, make_dicom: Maker) -> None:
    assert np.array_equal(decode_photo(make_dicom(photo, syntax=syntax)), photo)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_file_without_preamble_gives_its_pixels(
    photo: Photo, syntax: str, make_dicom: Maker
) -> None:
    assert np.array_equal(decode_photo(make_dicom(photo, syntax=syntax, preamble=False)), photo)


@pytest.mark.parametrize("syntax", [RLE, JPEG_LS, JPEG_2000])
def test_losslessly_compressed_file_gives_its_pixels(
    photo: Photo, syntax: str, make_dicom: Maker, compress: Compressor
) -> None:
    assert np.array_equal(decode_photo(compress(make_dicom(photo), syntax)), photo)


def test_lossless_jpeg_gives_its_pixels(
    photo: Photo, make_dicom: Maker, compress_with_gdcm: Maker
) -> None:
    assert np.array_equal(decode_photo(compress_with_gdcm(make_dicom(photo))), photo)


@pytest.mark.parametrize("option", ["+e1", "+el"])
def test_lossless_jpeg_of_dcmtk_gives_its_pixels(
    photo: Photo, option: str, make_dicom: Maker, run_dcmtk: Maker
) -> None:
    data = run_dcmtk("dcmcjpeg", make_dicom(photo), option)
    assert np.array_equal(decode_photo(data), photo)


def test_gzipped_file_gives_its_pixels(photo: Photo, make_dicom: Maker) -> None:
    assert np.array_equal(decode_photo(gzip.compress(make_dicom(photo), 1)), photo)


@pytest.mark.parametrize("syntax", [JPEG_BASELINE, "1.2.840.10008.1.2.4.51"])
def test_8_bit_jpeg_gives_pixels_of_its_stream(
    photo: Photo, make_dicom: Maker, syntax: str
) -> None:
    jpeg = simplejpeg.encode_jpeg(photo, 95, "RGB", "444")
    data = make_dicom(photo, "YBR_FULL_422", syntax, pixel_data=encapsulated_jpeg(jpeg))
    assert np.array_equal(decode_photo(data), decode_rgb(jpeg))


def test_baseline_jpeg_of_dcmtk_gives_pixels_of_dcmtk(
    photo: Photo, make_dicom: Maker, run_dcmtk: Maker
) -> None:
    data = run_dcmtk("dcmcjpeg", make_dicom(photo), "+eb", "+q", "95", "+s4")
    ppm = run_dcmtk("dcmj2pnm", data, "+op")
    ours, theirs = decode_photo(data), decode_photo(ppm)
    assert np.abs(ours.astype(int) - theirs).max() <= 4  # the two libraries round differently


def test_jpeg_without_colour_marker_follows_photometric_interpretation(
    photo: Photo, make_dicom: Maker
) -> None:
    ybr = to_ybr(photo)
    with_marker = simplejpeg.encode_jpeg(photo, 95, "RGB", "444")
    assert with_marker[6:11] == b"JFIF\0"
    length = int.from_bytes(with_marker[4:6], "big")
    # The same bytes are YCbCr with one photometric interpretation, and RGB with the other.
    bare = with_marker[:2] + with_marker[4 + length :]
    as_ybr = make_dicom(photo, "YBR_FULL_422", JPEG_BASELINE, pixel_data=encapsulated_jpeg(bare))
    as_rgb = make_dicom(photo, "RGB", JPEG_BASELINE, pixel_data=encapsulated_jpeg(bare))
    assert np.abs(decode_photo(as_ybr).astype(int) - photo).mean() < 4
    assert np.abs(decode_photo(as_rgb).astype(int) - ybr).mean() < 4


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422"])
def test_jpeg_with_jfif_marker_is_ycbcr_regardless_of_header(
    photo: Photo, photometric: str, make_dicom: Maker
) -> None:
    jpeg = simplejpeg.encode_jpeg(photo, 95, "RGB", "444")
    data = make_dicom(photo, photometric, JPEG_BASELINE, pixel_data=encapsulated_jpeg(jpeg))
    assert np.array_equal(decode_photo(data), decode_rgb(jpeg))


def test_jpeg_with_adobe_marker_is_rgb_regardless_of_header(
    photo: Photo, make_dicom: Maker
) -> None:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "JPEG", quality=95, subsampling=0, keep_rgb=True)
    data = make_dicom(
        photo, "YBR_FULL_422", JPEG_BASELINE, pixel_data=encapsulated_jpeg(stream.getvalue())
    )
    assert np.abs(decode_photo(data).astype(int) - photo).mean() < 3


def test_orientation_in_jpeg_stream_is_ignored(photo: Photo, make_dicom: Maker) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.fromarray(photo[:100]).save(stream, "JPEG", quality=95, exif=exif)
    data = make_dicom(
        photo[:100], "YBR_FULL_422", JPEG_BASELINE, pixel_data=encapsulated_jpeg(stream.getvalue())
    )
    assert np.abs(decode_photo(data).astype(int) - photo[:100]).mean() < 4


def test_planar_pixels_are_not_read_as_interleaved(photo: Photo, make_dicom: Maker) -> None:
    planes = np.ascontiguousarray(photo.transpose(2, 0, 1)).tobytes()
    data = make_dicom(photo, pixel_data=planes, PlanarConfiguration=1)
    assert np.array_equal(decode_photo(data), photo)


@pytest.mark.parametrize("syntax", [EXPLICIT, RLE])
def test_ybr_pixels_become_rgb(
    photo: Photo, syntax: str, make_dicom: Maker, compress: Compressor
) -> None:
    data = make_dicom(to_ybr(photo), "YBR_FULL")
    decoded = decode_photo(data if syntax == EXPLICIT else compress(data, syntax))
    assert np.abs(decoded.astype(int) - photo).max() <= 2  # rounding, twice


def test_subsampled_uncompressed_pixels_become_rgb(photo: Photo, make_dicom: Maker) -> None:
    ybr = to_ybr(photo)
    ybr[:, 1::2, 1:] = ybr[:, ::2, 1:]
    packed = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=2)
    data = make_dicom(photo, "YBR_FULL_422", pixel_data=packed.tobytes())
    full = make_dicom(ybr, "YBR_FULL")
    assert np.array_equal(decode_photo(data), decode_photo(full))


def test_pixels_wrongly_declared_as_subsampled_are_read(photo: Photo, make_dicom: Maker) -> None:
    ybr = to_ybr(photo)
    stated = make_dicom(ybr, "YBR_FULL_422")
    assert np.array_equal(decode_photo(stated), decode_photo(make_dicom(ybr, "YBR_FULL")))


def test_jpeg_2000_with_colour_transform_ignores_photometric_interpretation(
    photo: Photo, make_dicom: Maker, compress: Compressor
) -> None:
    data = compress(make_dicom(photo), JPEG_2000)
    dataset = pydicom.dcmread(io.BytesIO(data))
    for photometric in ("RGB", "YBR_RCT", "YBR_FULL"):
        dataset.PhotometricInterpretation = photometric
        stream = io.BytesIO()
        dataset.save_as(stream)
        decoded = decode_photo(stream.getvalue())
        has_transform = pydicom_has_transform(dataset)
        if has_transform or photometric != "YBR_FULL":
            assert np.array_equal(decoded, photo), photometric


def pydicom_has_transform(dataset: Any) -> bool:
    from pydicom.encaps import generate_frames

    stream = next(generate_frames(dataset.PixelData, number_of_frames=1))
    position = stream.index(b"\xff\x52")
    return bool(stream[position + 8])


def test_jpeg_2000_without_colour_transform_follows_photometric_interpretation(
    photo: Photo, make_dicom: Maker
) -> None:
    openjpeg = pytest.importorskip("openjpeg.utils", reason="needs the extra 'dicom'")
    for stored, photometric in ((photo, "RGB"), (to_ybr(photo), "YBR_FULL")):
        stream = bytes(openjpeg.encode_array(stored, photometric_interpretation=1, use_mct=False))
        pixel_data = encapsulated_jpeg(stream)
        data = make_dicom(photo, photometric, JPEG_2000, pixel_data=pixel_data)
        assert np.abs(decode_photo(data).astype(int) - photo).max() <= 2, photometric


@pytest.mark.parametrize("has_table", [True, False])
@pytest.mark.parametrize("fragments", [1, 2, 3])
def test_frames_of_several_fragments_are_joined(
    photo: Photo, make_dicom: Maker, has_table: bool, fragments: int
) -> None:
    from pydicom.encaps import encapsulate

    frames = [photo, photo[::-1]]
    jpegs = [simplejpeg.encode_jpeg(np.ascontiguousarray(frame), 95, "RGB") for frame in frames]
    pixel_data = bytes(encapsulate(jpegs, fragments_per_frame=fragments, has_bot=has_table))
    data = make_dicom(np.stack(frames), "YBR_FULL_422", JPEG_BASELINE, pixel_data=pixel_data)
    instance = read_instance(data)
    for number, jpeg in enumerate(jpegs, 1):
        assert np.array_equal(DicomFrame(instance, number).decode(), decode_rgb(jpeg))


def test_scrambled_jpeg_2000_is_rejected_with_manufacturer(photo: Photo, make_dicom: Maker) -> None:
    data = make_dicom(
        photo,
        syntax=JPEG_2000,
        pixel_data=encapsulated_jpeg(bytes(range(250)) * 40),
        Manufacturer="Carl Zeiss Meditec",
    )
    with pytest.raises(PhotoError, match="Carl Zeiss Meditec") as caught:
        decode_photo(data)
    assert caught.value.code == "unsupported_format"


@pytest.mark.parametrize("syntax", [JPEG_BASELINE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000, RLE])
def test_stream_of_another_size_is_rejected(
    photo: Photo, syntax: str, make_dicom: Maker, compress: Compressor, compress_with_gdcm: Maker
) -> None:
    if syntax == JPEG_BASELINE:
        jpeg = simplejpeg.encode_jpeg(photo, 95, "RGB", "444")
        data = make_dicom(photo, "YBR_FULL_422", syntax, pixel_data=encapsulated_jpeg(jpeg))
    elif syntax == JPEG_LOSSLESS:
        data = compress_with_gdcm(make_dicom(photo))
    else:
        data = compress(make_dicom(photo), syntax)
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.Rows = 180
    stream = io.BytesIO()
    dataset.save_as(stream)
    with pytest.raises(PhotoError) as caught:
        decode_photo(stream.getvalue())
    assert caught.value.code == "undecodable"


def test_exchanged_red_and_blue_are_reported_by_quality(photo: Photo, make_dicom: Maker) -> None:
    from edgeseg.field_of_view.detect import detect_fields
    from edgeseg.preprocessing.config import preprocessing_preset
    from edgeseg.quality import assess_for_model

    big = cv2.resize(photo, (600, 600), interpolation=cv2.INTER_CUBIC)
    exchanged = decode_photo(make_dicom(np.ascontiguousarray(big[:, :, ::-1])))
    config = preprocessing_preset("edge", 128)
    (fov,) = detect_fields(exchanged, config, "photograph")
    quality = assess_for_model(exchanged, fov, config.fov)
    assert "unusual_colours" in quality.reasons
