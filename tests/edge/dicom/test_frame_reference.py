"""Pixels of DICOM files, compared with the results of pydicom, DCMTK and GDCM."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.photo import decode_photo

pydicom = pytest.importorskip("pydicom", reason="needs the extra 'dicom'")

from pydicom.uid import (  # noqa: E402
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

Maker: TypeAlias = Callable[..., bytes]
Compressor: TypeAlias = Callable[[bytes, str], bytes]


@pytest.mark.parametrize("name", [
    "SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_dcmtk_+eb+cy+n1.dcm", "SC_rgb_dcmtk_+eb+cy+np.dcm",
    "SC_rgb_gdcm_KY.dcm", "SC_rgb_jpeg_dcmd.dcm", "SC_rgb_jpeg_app14_dcmd.dcm",
    "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_jpeg_gdcm.dcm", "SC_rgb_rle.dcm", "SC_rgb_rle_2frame.dcm",
    "SC_rgb_small_odd.dcm", "SC_rgb_small_odd_big_endian.dcm", "SC_ybr_full_422_uncompressed.dcm",
    "SC_rgb_jls_lossy_line.dcm", "SC_rgb_jls_lossy_sample.dcm",
])  # fmt: skip
def test_real_colour_file_gives_pixels_of_pydicom(name: str) -> None:
    from pydicom.data import get_testdata_file

    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip("not in this release of pydicom")
    with open(path, "rb") as file:  # noqa: PTH123 - the type differs between releases
        data = file.read()
    expected = pydicom.dcmread(io.BytesIO(data))
    pixels = expected.pixel_array
    if expected.PhotometricInterpretation.startswith("YBR"):
        from pydicom.pixels.processing import convert_color_space
        from pydicom.pixels.utils import pixel_array

        pixels = pixel_array(io.BytesIO(data), raw=True)
        if expected.file_meta.TransferSyntaxUID == JPEGBaseline8Bit:
            pixels = pixel_array(io.BytesIO(data))
        else:
            pixels = convert_color_space(pixels, "YBR_FULL", "RGB")
    first = pixels[0] if pixels.ndim == 4 else pixels
    assert np.abs(decode_photo(data).astype(int) - first).max() <= 3


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless]
)
def test_pixels_are_equal_to_dcmtk_or_gdcm(
    photo: Photo,
    tmp_path: Path,
    syntax: str,
    make_dicom: Maker,
    compress: Compressor,
    run_dcmtk: Maker,
) -> None:
    plain = make_dicom(photo)
    data = plain if syntax == ExplicitVRLittleEndian else compress(plain, syntax)
    if syntax == JPEG2000Lossless:  # Debian's DCMTK does not decode it
        gdcm = pytest.importorskip("gdcm")
        path = tmp_path / "file.dcm"
        path.write_bytes(data)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        buffer = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
        theirs = np.frombuffer(buffer, np.uint8).reshape(photo.shape)
    else:
        if syntax == JPEGLSLossless:
            data = run_dcmtk("dcmdjpls", data)
        theirs = decode_photo(run_dcmtk("dcm2pnm", data, "+op"))
    assert np.array_equal(decode_photo(data), theirs)
