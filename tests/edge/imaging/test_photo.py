"""Reading of photographs and masks in every supported format."""

from __future__ import annotations

import gzip
import io
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.errors import PhotoError
from edgeseg.imaging import photo
from edgeseg.imaging.arrays import Photo


def make_image(height: int = 40, width: int = 64) -> Photo:
    """Smooth image with three different channels and a red corner, which shows the orientation."""
    y, x = np.mgrid[0:height, 0:width]
    gradient = np.stack([200 - y * 4, 30 + x * 3, 20 + x + y * 2], axis=-1)
    image = gradient.clip(0, 255).astype(np.uint8)
    image[:8, :8] = (255, 0, 0)
    return image


def encode(suffix: str, rgb: npt.NDArray[Any], *settings: int) -> bytes:
    order = rgb if rgb.ndim == 2 else rgb[:, :, [2, 1, 0, 3][: rgb.shape[2]]]
    success, data = cv2.imencode(suffix, np.ascontiguousarray(order), settings)
    assert success
    return data.tobytes()


def make_pnm(magic: str, maximum: int, samples: npt.NDArray[Any]) -> bytes:
    height, width = samples.shape[:2]
    stored = samples.astype(">u2" if maximum > 255 else "u1").tobytes()
    return f"{magic}\n# a comment\n{width} {height}\n{maximum}\n".encode() + stored


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def apply_orientation(image: Photo, orientation: int) -> Photo:
    """Apply one of the eight EXIF orientations of CIPA DC-008 (Exif 2.32), 4.6.4 A."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    steps = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1)}
    down, right = steps[(orientation - 1) % 4 + 1]
    return image[::down, ::right]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".bmp", ".ppm"])
@pytest.mark.parametrize("packed", [False, True])
def test_decode_photo_lossless_format_returns_written_pixels(suffix: str, packed: bool) -> None:
    data = encode(suffix, make_image())
    decoded = photo.decode_photo(gzip.compress(data) if packed else data)
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous
    np.testing.assert_array_equal(decoded, make_image())


def test_decode_photo_jpeg_returns_similar_pixels() -> None:
    decoded = photo.decode_photo(encode(".jpg", make_image(), cv2.IMWRITE_JPEG_QUALITY, 98))
    assert np.abs(decoded.astype(int) - make_image()).mean() < 2


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".pgm"])
def test_decode_photo_grey_returns_three_equal_channels(suffix: str) -> None:
    grey = make_image()[:, :, 1]
    np.testing.assert_array_equal(photo.decode_photo(encode(suffix, grey)), np.dstack([grey] * 3))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm"])
def test_decode_photo_16_bits_full_range_equals_8_bit_image(suffix: str) -> None:
    deep = (make_image().astype(np.uint16) * 257).astype(np.int32)
    deep += np.random.default_rng(0).integers(-128, 129, deep.shape, np.int32)
    deep = deep.clip(0, 65535).astype(np.uint16)
    np.testing.assert_array_equal(photo.decode_photo(encode(suffix, deep)), make_image())


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_decode_photo_16_bit_file_is_scaled_by_camera_range(suffix: str, bits: int) -> None:
    raw = np.rint(make_image() * ((2**bits - 1) / 255)).astype(np.uint16)
    np.testing.assert_array_equal(photo.decode_photo(encode(suffix, raw)), make_image())


@pytest.mark.parametrize("maximum", [100, 255, 1000, 4095, 65535])
def test_decode_photo_ppm_is_scaled_by_stated_maximum(maximum: int) -> None:
    raw = np.rint(make_image() * (maximum / 255))
    difference = photo.decode_photo(make_pnm("P6", maximum, raw)).astype(int) - make_image()
    assert np.abs(difference).max() <= (1 if maximum >= 255 else 2)


@pytest.mark.parametrize("maximum", [1, 100, 255, 1000, 65535])
@pytest.mark.parametrize("magic", ["P2", "P3"])
def test_decode_photo_plain_text_is_scaled_by_stated_maximum(magic: str, maximum: int) -> None:
    raw = np.rint(make_image()[:, :, : 1 if magic == "P2" else 3] * (maximum / 255)).astype(int)
    text = f"{magic} 64 40 {maximum} " + " ".join(map(str, raw.ravel()))
    decoded = photo.decode_photo(text.encode()).astype(int)
    assert np.abs(decoded - raw * 255 / maximum).max() <= 1


def test_decode_photo_plain_ppm_without_last_line_break_returns_pixels() -> None:
    text = b"P3 2 1 255 " + b" ".join(b"%d" % value for value in (255, 0, 7, 1, 2, 3))
    np.testing.assert_array_equal(photo.decode_photo(text), [[[255, 0, 7], [1, 2, 3]]])


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_decode_photo_transparent_pixels_are_black(depth: type[np.generic]) -> None:
    alpha = np.full((40, 64, 1), 255, np.uint8)
    alpha[:10], alpha[10:20] = 0, 128
    scale = 257 if depth == np.uint16 else 1
    rgba = np.concatenate([make_image(), alpha], axis=2).astype(depth) * scale
    decoded = photo.decode_photo(encode(".png", rgba))
    assert not decoded[:10].any()
    np.testing.assert_array_equal(decoded[10:], make_image()[10:])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("suffix", "colours"), [(".png", 3), (".png", 1), (".webp", 3)])
def test_decode_photo_transparent_pixels_are_black_in_rotated_file(
    suffix: str, colours: int, orientation: int
) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow writes the orientation")
    alpha = np.full((40, 64), 255, np.uint8)
    alpha[:10, :30] = 0
    file = io.BytesIO()
    exif = image.Exif()
    exif[0x112] = orientation
    stored = np.dstack([make_image()[:, :, :colours], alpha])
    settings = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    image.fromarray(stored).save(file, suffix[1:], exif=exif, **settings)
    visible = np.broadcast_to(stored[:, :, :-1], (40, 64, 3)).copy()
    visible[alpha == 0] = 0
    decoded = photo.decode_photo(file.getvalue())
    np.testing.assert_array_equal(decoded, apply_orientation(visible, orientation))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_decode_photo_grey_png_orientation_is_applied(orientation: int) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow writes the orientation")
    file = io.BytesIO()
    exif = image.Exif()
    exif[0x112] = orientation
    grey = make_image()[:, :, 1]
    image.fromarray(grey).save(file, "PNG", exif=exif)
    expected = apply_orientation(np.dstack([grey] * 3), orientation)
    np.testing.assert_array_equal(photo.decode_photo(file.getvalue()), expected)


def test_decode_photo_alpha_all_zero_is_ignored() -> None:
    rgba = np.concatenate([make_image(), np.zeros((40, 64, 1), np.uint8)], axis=2)
    np.testing.assert_array_equal(photo.decode_photo(encode(".png", rgba)), make_image())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_decode_photo_jpeg_exif_orientation_is_applied(orientation: int) -> None:
    jpeg = with_orientation(encode(".jpg", make_image(), cv2.IMWRITE_JPEG_QUALITY, 98), orientation)
    expected = apply_orientation(make_image(), orientation)
    decoded = photo.decode_photo(jpeg)
    assert decoded.shape == expected.shape
    assert np.abs(decoded.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_decode_photo_tiff_orientation_is_applied(orientation: int) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow writes the orientation")
    file = io.BytesIO()
    image.fromarray(make_image()).save(file, "TIFF", tiffinfo={0x112: orientation})
    decoded = photo.decode_photo(file.getvalue())
    np.testing.assert_array_equal(decoded, apply_orientation(make_image(), orientation))


def test_decode_photo_cmyk_progressive_palette_and_animation_return_first_image() -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow writes what OpenCV does not")
    pil_image = image.fromarray(make_image())
    palette = pil_image.quantize(16, dither=0)
    cases: list[tuple[str, Any, dict[str, Any], float]] = [
        ("JPEG", pil_image.convert("CMYK"), {"quality": 98}, 3.0),
        ("JPEG", pil_image, {"quality": 98, "progressive": True}, 3.0),
        ("PNG", palette, {}, 0.0),
        ("TIFF", palette, {}, 0.0),
        ("GIF", palette, {}, 0.0),
        ("GIF", palette, {"save_all": True, "append_images": [palette.rotate(180)]}, 0.0),
        ("TIFF", pil_image, {"save_all": True, "append_images": [pil_image.rotate(180)]}, 0.0),
    ]
    for name, source, settings, tolerance in cases:
        file = io.BytesIO()
        source.save(file, name, **settings)
        expected = np.asarray(source.convert("RGB"), np.uint8).astype(int)
        difference = photo.decode_photo(file.getvalue()) - expected
        assert np.abs(difference).mean() <= tolerance, (name, settings)


def test_is_photograph_depends_on_suffix() -> None:
    for name in ("a.png", "A.JPG", "b.c.jpeg", "im0001.ppm.gz", "x.TIF", "x.pgm", "x.gif", "x.bmp"):
        assert photo.is_photograph(Path(name)), name
    for name in ("a.txt", "png", "a.png.txt", "a.gz", "a.onnx"):
        assert not photo.is_photograph(Path(name)), name
    for suffix in photo.PHOTOGRAPH_SUFFIXES:
        assert suffix.startswith(".") and suffix == suffix.lower()


@pytest.mark.parametrize(
    ("name", "stem"),
    [("im0001.ppm.gz", "im0001"), ("A.JPG", "A"), ("b.c.png", "b.c"), (".png", ".png")],
)
def test_photo_stem_removes_photograph_suffix(name: str, stem: str) -> None:
    assert photo.photo_stem(Path(name)) == stem


def test_read_photo_non_ascii_path_and_wrong_suffix_returns_pixels(tmp_path: Path) -> None:
    file = tmp_path / "Größe Ω 目.jpg"
    file.write_bytes(encode(".png", make_image()))
    np.testing.assert_array_equal(photo.read_photo(file), make_image())


@pytest.mark.parametrize(("low", "high"), [(0, 255), (3, 253), (127, 128), (0, 1)])
def test_decode_mask_returns_0_and_255_for_any_two_values(low: int, high: int) -> None:
    truth = make_image()[:, :, 1] > 100
    mask = photo.decode_mask(encode(".png", np.where(truth, high, low).astype(np.uint8)))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, truth * np.uint8(255))


def test_decode_mask_16_bit_coloured_or_bilevel_returns_mask() -> None:
    truth = make_image()[:, :, 1] > 100
    expected = truth * np.uint8(255)
    red = np.dstack([expected, expected * 0, expected * 0])
    for data in (
        encode(".png", truth * np.uint16(65535)),
        encode(".tif", truth * np.uint16(255)),
        encode(".png", red),
        make_pnm("P5", 1, truth),
        encode(".png", expected, cv2.IMWRITE_PNG_BILEVEL, 1),
    ):
        np.testing.assert_array_equal(photo.decode_mask(data), expected)


def test_decode_mask_empty_mask_stays_empty() -> None:
    assert not photo.decode_mask(encode(".png", np.zeros((5, 4), np.uint8))).any()


def test_validate_photo_copies_only_if_necessary_and_rejects_other_arrays() -> None:
    assert photo.validate_photo(make_image()) is not None
    assert np.shares_memory(photo.validate_photo(image := make_image()), image)
    assert photo.validate_photo(make_image()[::-1]).flags.c_contiguous
    for invalid in (
        make_image()[:, :, 0],
        make_image().astype(np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.broadcast_to(np.uint8(0), (60_000, 60_000, 3)),
        [[0, 0, 0]],
    ):
        with pytest.raises(PhotoError, match="mine: "):
            photo.validate_photo(invalid, "mine")  # type: ignore[arg-type]


def test_read_photo_unreadable_path_raises(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(PhotoError) as caught:
            photo.read_photo(path)
        assert caught.value.code == "unreadable"


def test_read_photo_special_file_raises_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "null.png").symlink_to("/dev/null")
    for name in ("pipe.png", "zero.png", "null.png"):
        for read in (photo.read_photo, photo.read_mask):
            with pytest.raises(PhotoError, match=name) as caught:
                read(tmp_path / name)
            assert caught.value.code == "unreadable"


def test_read_photo_bytes_file_with_unknown_size_is_read_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def return_block_bytes(stream: BinaryIO, name: str, block_bytes: int) -> bytes:
        return str(block_bytes).encode()

    monkeypatch.setattr(photo, "read_photo_stream", return_block_bytes)
    path = tmp_path / "eye.png"
    path.touch()  # such as files of FUSE and /proc, whose reported size is 0
    assert int(photo.read_photo_bytes(path)) >= 1 << 16
