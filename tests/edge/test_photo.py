"""Photographs and masks of every format that is promised come out as the pixels that went in."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.errors import PhotoError
from edgeseg.imaging import photo, png
from edgeseg.imaging.arrays import Photo


def colours(height: int = 40, width: int = 64) -> Photo:
    """A smooth picture whose three channels differ, with a corner that tells how it lies."""
    y, x = np.mgrid[0:height, 0:width]
    picture = (
        np.stack([200 - y * 4, 30 + x * 3, 20 + x + y * 2], axis=-1).clip(0, 255).astype(np.uint8)
    )
    picture[:8, :8] = (255, 0, 0)
    return picture


def encoded(suffix: str, rgb: npt.NDArray[Any], *settings: int) -> bytes:
    order = rgb if rgb.ndim == 2 else rgb[:, :, [2, 1, 0, 3][: rgb.shape[2]]]
    done, data = cv2.imencode(suffix, np.ascontiguousarray(order), settings)
    assert done
    return data.tobytes()


def pnm(magic: str, maximum: int, samples: npt.NDArray[Any]) -> bytes:
    height, width = samples.shape[:2]
    stored = samples.astype(">u2" if maximum > 255 else "u1").tobytes()
    return f"{magic}\n# a comment\n{width} {height}\n{maximum}\n".encode() + stored


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def as_shown(picture: Photo, orientation: int) -> Photo:
    """The eight EXIF orientations, as CIPA DC-008 (Exif 2.32), 4.6.4 A, defines them."""
    if orientation >= 5:
        picture = picture.transpose(1, 0, 2)
    turns = {
        1: (1, 1),
        2: (1, -1),
        3: (-1, -1),
        4: (-1, 1),
        5: (1, 1),
        6: (1, -1),
        7: (-1, -1),
        8: (-1, 1),
    }
    down, right = turns[orientation]
    return picture[::down, ::right]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".bmp", ".ppm"])
@pytest.mark.parametrize("packed", [False, True])
def test_lossless_formats_return_what_was_written(suffix: str, packed: bool) -> None:
    data = encoded(suffix, colours())
    decoded = photo.decode_photo(gzip.compress(data) if packed else data)
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous
    np.testing.assert_array_equal(decoded, colours())


def test_jpeg_is_close() -> None:
    decoded = photo.decode_photo(encoded(".jpg", colours(), cv2.IMWRITE_JPEG_QUALITY, 98))
    assert np.abs(decoded.astype(int) - colours()).mean() < 2


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".pgm"])
def test_grey_becomes_three_equal_channels(suffix: str) -> None:
    grey = colours()[:, :, 1]
    np.testing.assert_array_equal(photo.decode_photo(encoded(suffix, grey)), np.dstack([grey] * 3))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm"])
def test_16_bits_over_the_full_range_equal_their_8_bit_twin(suffix: str) -> None:
    deep = (colours().astype(np.uint16) * 257).astype(np.int32)
    deep = (
        (deep + np.random.default_rng(0).integers(-128, 129, deep.shape))
        .clip(0, 65535)
        .astype(np.uint16)
    )
    np.testing.assert_array_equal(photo.decode_photo(encoded(suffix, deep)), colours())


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_camera_s_range_in_a_16_bit_file_is_taken_for_its_full_range(
    suffix: str, bits: int
) -> None:
    raw = np.rint(colours() * ((2**bits - 1) / 255)).astype(np.uint16)
    np.testing.assert_array_equal(photo.decode_photo(encoded(suffix, raw)), colours())


@pytest.mark.parametrize("maximum", [100, 255, 1000, 4095, 65535])
def test_ppm_is_scaled_by_the_maximum_that_it_states(maximum: int) -> None:
    raw = np.rint(colours() * (maximum / 255))
    difference = photo.decode_photo(pnm("P6", maximum, raw)).astype(int) - colours()
    assert np.abs(difference).max() <= (1 if maximum >= 255 else 2)


def test_plain_text_ppm_needs_no_last_line_break() -> None:
    text = b"P3 2 1 255 " + b" ".join(b"%d" % value for value in (255, 0, 7, 1, 2, 3))
    np.testing.assert_array_equal(photo.decode_photo(text), [[[255, 0, 7], [1, 2, 3]]])


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_transparent_is_black_and_half_transparent_is_kept(depth: type[np.generic]) -> None:
    alpha = np.full((40, 64, 1), 255, np.uint8)
    alpha[:10], alpha[10:20] = 0, 128
    rgba = np.concatenate([colours(), alpha], axis=2).astype(depth) * (
        257 if depth == np.uint16 else 1
    )
    decoded = photo.decode_photo(encoded(".png", rgba))
    assert not decoded[:10].any()
    np.testing.assert_array_equal(decoded[10:], colours()[10:])


def test_an_alpha_channel_that_is_zero_everywhere_is_an_unused_one() -> None:
    rgba = np.concatenate([colours(), np.zeros((40, 64, 1), np.uint8)], axis=2)
    np.testing.assert_array_equal(photo.decode_photo(encoded(".png", rgba)), colours())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(orientation: int) -> None:
    jpeg = with_orientation(encoded(".jpg", colours(), cv2.IMWRITE_JPEG_QUALITY, 98), orientation)
    shown = as_shown(colours(), orientation)
    decoded = photo.decode_photo(jpeg)
    assert decoded.shape == shown.shape
    assert np.abs(decoded.astype(int) - shown).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_orientation_is_honoured(orientation: int) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow writes the orientation")
    file = io.BytesIO()
    image.fromarray(colours()).save(file, "TIFF", tiffinfo={0x112: orientation})
    np.testing.assert_array_equal(
        photo.decode_photo(file.getvalue()), as_shown(colours(), orientation)
    )


def test_cmyk_jpeg_palette_and_animation() -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow writes what OpenCV does not")
    picture = image.fromarray(colours())
    few = picture.quantize(16, dither=0)
    cases: list[tuple[str, Any, dict[str, Any], float]] = [
        ("JPEG", picture.convert("CMYK"), {"quality": 98}, 3.0),
        ("JPEG", picture, {"quality": 98, "progressive": True}, 3.0),
        ("PNG", few, {}, 0.0),
        ("TIFF", few, {}, 0.0),
        ("GIF", few, {}, 0.0),
        ("GIF", few, {"save_all": True, "append_images": [few.rotate(180)]}, 0.0),
        ("TIFF", picture, {"save_all": True, "append_images": [picture.rotate(180)]}, 0.0),
    ]
    for form, source, settings, slack in cases:
        file = io.BytesIO()
        source.save(file, form, **settings)
        expected = np.asarray(source.convert("RGB"), np.uint8).astype(int)
        assert np.abs(photo.decode_photo(file.getvalue()) - expected).mean() <= slack, (
            form,
            settings,
        )


def test_names_of_photographs() -> None:
    for name in ("a.png", "A.JPG", "b.c.jpeg", "im0001.ppm.gz", "x.TIF", "x.pgm", "x.gif", "x.bmp"):
        assert photo.is_photograph(Path(name)), name
    for name in ("a.txt", "png", "a.png.txt", "a.gz", "a.onnx"):
        assert not photo.is_photograph(Path(name)), name
    assert all(
        suffix == suffix.lower() and suffix.startswith(".") for suffix in photo.PHOTOGRAPH_SUFFIXES
    )


def test_a_path_need_not_be_ascii_and_its_ending_need_not_tell_the_format(tmp_path: Path) -> None:
    file = tmp_path / "Größe Ω 目.jpg"
    file.write_bytes(encoded(".png", colours()))
    np.testing.assert_array_equal(photo.read_photo(file), colours())


@pytest.mark.parametrize(("low", "high"), [(0, 255), (3, 253), (127, 128), (0, 1)])
def test_masks_are_0_and_255_whatever_they_were_written_with(low: int, high: int) -> None:
    truth = colours()[:, :, 1] > 100
    mask = photo.decode_mask(encoded(".png", np.where(truth, high, low).astype(np.uint8)))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, truth * np.uint8(255))


def test_a_mask_may_be_16_bit_coloured_or_bilevel() -> None:
    truth = colours()[:, :, 1] > 100
    expected = truth * np.uint8(255)
    red = np.dstack([expected, expected * 0, expected * 0])
    for data in (
        encoded(".png", truth * np.uint16(65535)),
        encoded(".tif", truth * np.uint16(255)),
        encoded(".png", red),
        pnm("P5", 1, truth),
        encoded(".png", expected, cv2.IMWRITE_PNG_BILEVEL, 1),
    ):
        np.testing.assert_array_equal(photo.decode_mask(data), expected)


def test_an_empty_mask_stays_empty() -> None:
    assert not photo.decode_mask(encoded(".png", np.zeros((5, 4), np.uint8))).any()


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 3)])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_png_keeps_every_value(
    shape: tuple[int, ...], depth: type[np.unsignedinteger[Any]]
) -> None:
    picture = np.random.default_rng(1).integers(0, np.iinfo(depth).max, shape, depth)
    read = cv2.imdecode(np.frombuffer(photo.encode_png(picture), np.uint8), cv2.IMREAD_UNCHANGED)
    assert read is not None
    np.testing.assert_array_equal(read[:, :, ::-1] if len(shape) == 3 else read, picture)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "heights", [[7], [1, 6], [3, 3, 1], [90, 90, 90, 5], [5, 90, 5, 90, 90, 5, 5], [700, 5, 90]]
)
def test_a_png_is_the_same_picture_in_whatever_bands_it_comes(
    heights: list[int], threads: int
) -> None:
    size = (
        sum(heights),
        500,
    )  # 90 rows are packed by a thread; of 5 it is not worth it, of 700 it takes memory
    picture = np.random.default_rng(2).integers(0, 256, (*size, 3), np.uint8)
    rows = np.split(picture, np.cumsum(heights)[:-1])
    file, alone = io.BytesIO(), io.BytesIO()
    png.write_png(file, size, rows, threads=threads)
    png.write_png(alone, size, rows)
    data = file.getvalue()
    assert data == alone.getvalue()
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert read is not None
    np.testing.assert_array_equal(read[:, :, ::-1], picture)


def test_png_of_another_shape_or_dtype_is_a_programmer_s_error() -> None:
    for wrong in (
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4), np.float32),
        np.zeros((0, 4), np.uint8),
    ):
        with pytest.raises(TypeError):
            photo.encode_png(wrong)  # type: ignore[arg-type]


def test_an_array_is_checked_and_not_copied_without_need() -> None:
    assert photo.validate_photo(colours()) is not None
    assert np.shares_memory(photo.validate_photo(picture := colours()), picture)
    assert photo.validate_photo(colours()[::-1]).flags.c_contiguous
    for wrong in (
        colours()[:, :, 0],
        colours().astype(np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.broadcast_to(np.uint8(0), (60_000, 60_000, 3)),
        [[0, 0, 0]],
    ):
        with pytest.raises(PhotoError, match="mine: "):
            photo.validate_photo(wrong, "mine")  # type: ignore[arg-type]


def test_what_cannot_be_opened_says_so(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(PhotoError, match="cannot be read"):
            photo.read_photo(path)


def test_the_shared_data_sets_are_read(data_root: Path) -> None:
    sizes = {
        "DRIVE/test/images/01_test.tif": (584, 565),
        "STARE/stare-images/im0001.ppm.gz": (605, 700),
        "CHASEDB1/Image_01L.jpg": (960, 999),
        "HRF/images/01_dr.JPG": (2336, 3504),
        "FIVES/train/Original/10_A.png": (2048, 2048),
    }
    for name, size in sizes.items():
        decoded = photo.read_photo(data_root / name)
        assert decoded.shape == (*size, 3), name
        red, green, blue = decoded.reshape(-1, 3).mean(axis=0)
        assert red > green > blue, name  # A fundus is red: the channels are in order.


def test_the_shared_masks_are_read(data_root: Path) -> None:
    for name in (
        "DRIVE/test/1st_manual/01_manual1.gif",
        "DRIVE/test/2nd_manual/01_manual2.gif",
        "STARE/labels-ah/im0001.ah.ppm.gz",
        "CHASEDB1/Image_01L_1stHO.png",
        "HRF/manual1/01_dr.tif",
        "FIVES/train/Ground truth/10_A.png",
    ):
        mask = photo.read_mask(data_root / name)
        assert set(np.unique(mask)) == {0, 255}, name
        assert 0.03 < (mask > 0).mean() < 0.15, name
