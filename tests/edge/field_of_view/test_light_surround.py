"""Light margins, frame lines, label bars and grey surrounds of photographs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg import synthetic
from edgeseg.errors import PhotoError
from edgeseg.field_of_view.black_bands import trim_black_bands
from edgeseg.field_of_view.detect import detect_fields, detect_fov
from edgeseg.field_of_view.margins import trim_margins
from edgeseg.field_of_view.surround import find_light_surround
from edgeseg.field_of_view.thumbnail import make_thumbnail
from edgeseg.imaging.arrays import Box, Mask, Photo
from edgeseg.imaging.photo import read_photo
from edgeseg.preprocessing.config import PreprocessingConfig

WHITE = (255, 255, 255)
CONFIG = PreprocessingConfig(128)


def iou(first: Mask, second: Mask) -> float:
    return float(((first > 0) & (second > 0)).sum() / ((first > 0) | (second > 0)).sum())


def add_border(
    photo: Photo, top: int, bottom: int, left: int, right: int, colour: tuple[int, int, int]
) -> Photo:
    height, width = photo.shape[:2]
    bordered = np.empty((height + top + bottom, width + left + right, 3), np.uint8)
    bordered[:] = colour
    bordered[top : top + height, left : left + width] = photo
    return bordered


def compress_jpeg(photo: Photo, quality: int) -> Photo:
    _, data = cv2.imencode(".jpg", photo[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded: Photo = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)
    return decoded


@cache
def generate_photo(seed: int, size: int) -> Photo:
    photo: Photo = synthetic.generate_photo(seed, size).photo
    return photo


def draw_photo(size: int = 320) -> Photo:
    photo: Photo = generate_photo(1, size).copy()
    return photo


@pytest.mark.parametrize("width", [1, 2, 7, 40])
@pytest.mark.parametrize(
    "colour", [WHITE, (128, 128, 128), (60, 60, 60), (200, 110, 50), (30, 60, 200)], ids=str
)
def test_detect_fields_inside_margin_equals_photograph_without_it(
    width: int, colour: tuple[int, int, int]
) -> None:
    photo = draw_photo()
    (field,) = detect_fields(add_border(photo, width, width, width, width, colour), CONFIG)
    inner = field.mask[width:-width, width:-width]
    assert np.array_equal(inner, detect_fov(photo).mask)
    assert cv2.countNonZero(inner) == cv2.countNonZero(field.mask)
    assert field.rim is not None
    assert field.rim.x == pytest.approx(detect_fov(photo).rim[0] + width)  # type: ignore[index]


@pytest.mark.parametrize("inset", [0, 4, 12])
@pytest.mark.parametrize("thickness", [1, 3, 6])
def test_detect_fields_inside_frame_line_agrees_with_photograph_without_it(
    inset: int, thickness: int
) -> None:
    photo = draw_photo()
    expected = detect_fov(photo).mask
    corner = inset + thickness // 2
    end = len(photo) - 1 - corner
    cv2.rectangle(photo, (corner, corner), (end, end), WHITE, thickness)
    (field,) = detect_fields(photo, CONFIG)
    assert iou(field.mask, expected) > 0.97


@pytest.mark.parametrize("is_jpeg", [False, True])
@pytest.mark.parametrize("inset", [3, 8])
def test_detect_fields_cut_by_frame_line_keeps_box_of_photograph_without_it(
    inset: int, is_jpeg: bool
) -> None:
    photo = draw_photo(900)[130:770].copy()
    expected = detect_fov(photo)
    assert expected.box.height == 640
    assert not expected.is_cut
    end = (899 - inset, 639 - inset)
    cv2.rectangle(photo, (inset, inset), end, WHITE, 3)
    (field,) = detect_fields(compress_jpeg(photo, 80) if is_jpeg else photo, CONFIG)
    assert field.is_cut
    assert np.abs(np.subtract(field.box, expected.box)).max() <= 1
    assert not field.mask[:inset].any()
    assert not field.mask[-inset:].any()
    assert iou(field.mask[inset + 3 : -inset - 3], expected.mask[inset + 3 : -inset - 3]) > 0.98


def test_detect_fields_cut_by_frame_line_inside_margin_keeps_box() -> None:
    photo = draw_photo(900)[60:840].copy()
    cv2.rectangle(photo, (2, 8), (897, 771), WHITE, 2)
    (expected,) = detect_fields(photo, CONFIG)
    (field,) = detect_fields(add_border(photo, 40, 30, 50, 20, WHITE), CONFIG)
    assert expected.is_cut
    assert field.is_cut
    assert np.subtract(field.box, expected.box).tolist() == [50, 40, 0, 0]
    assert np.array_equal(field.mask[40:-30, 50:-20], expected.mask)


@pytest.mark.parametrize("side", ["top", "bottom"])
def test_detect_fields_next_to_label_bar_agrees_with_photograph_without_it(side: str) -> None:
    photo = draw_photo()
    top, bottom = (40, 0) if side == "top" else (0, 40)
    image = add_border(photo, top, bottom, 0, 0, WHITE)
    baseline = 28 if side == "top" else len(image) - 12
    cv2.putText(image, "OD 45 deg 0001", (8, baseline), 0, 0.7, (0, 0, 0), 2)
    (field,) = detect_fields(image, CONFIG)
    assert iou(field.mask[top : top + 320], detect_fov(photo).mask) > 0.98


def test_detect_fields_below_arrow_agrees_with_photograph_without_it() -> None:
    photo = draw_photo()
    expected = detect_fov(photo).mask
    cv2.arrowedLine(photo, (5, 5), (150, 150), WHITE, 3)
    (field,) = detect_fields(photo, CONFIG)
    assert iou(field.mask, expected) > 0.98


@pytest.mark.parametrize("grey", [40, 80, 128, 200, 255])
@pytest.mark.parametrize("quality", [100, 70])
def test_detect_fields_in_grey_surround_agrees_with_black_surround(grey: int, quality: int) -> None:
    photo = draw_photo()
    expected = detect_fov(photo).mask
    photo[expected == 0] = grey
    (field,) = detect_fields(compress_jpeg(photo, quality), CONFIG)
    assert iou(field.mask, expected) > 0.97


@pytest.mark.parametrize("deviation", [5, 15])
def test_detect_fields_in_noisy_surround_agrees_with_black_surround(deviation: int) -> None:
    photo = draw_photo(640)
    expected = detect_fov(photo).mask
    noise = np.random.default_rng(0).normal(110, deviation, photo.shape[:2])
    photo[expected == 0] = noise.clip(0, 255)[expected == 0][:, None]
    (field,) = detect_fields(photo, CONFIG)
    assert iou(field.mask, expected) > 0.97


def test_detect_fields_inside_drawn_circle_agrees_with_photograph_without_it() -> None:
    photo = add_border(draw_photo(900), 30, 30, 30, 30, (0, 0, 0))
    expected = detect_fov(photo)
    assert expected.rim is not None
    centre = (round(expected.rim.x), round(expected.rim.y))
    cv2.circle(photo, centre, round(expected.rim.radius) + 8, (255, 255, 0), 4)
    (field,) = detect_fields(photo, CONFIG)
    assert iou(field.mask, expected.mask) > 0.998


def test_detect_fields_of_cut_out_with_margin_is_cut_out() -> None:
    cut_out = draw_photo(512)[160:350, 170:340]
    (field,) = detect_fields(add_border(cut_out, 10, 20, 30, 40, WHITE), CONFIG)
    assert field.box == Box(30, 10, 170, 190)
    assert (field.mask[10:200, 30:200] == 255).all()


@pytest.mark.parametrize("quality", [100, 60])
def test_trim_margins_removes_light_lines_only(quality: int) -> None:
    photo = draw_photo()
    assert trim_margins(photo) == Box(0, 0, 320, 320)
    framed = add_border(add_border(photo, 8, 8, 8, 8, (0, 0, 0)), 16, 16, 16, 24, WHITE)
    assert trim_margins(compress_jpeg(framed, quality)) == Box(16, 16, 336, 336)


def test_detect_fields_in_margin_without_fundus_raises_reason() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    with pytest.raises(PhotoError, match="neither round nor smooth") as caught:
        detect_fields(add_border(noise, 20, 20, 20, 20, WHITE), CONFIG)
    assert caught.value.code == "no_fundus"


@pytest.mark.parametrize("is_jpeg", [False, True])
@pytest.mark.parametrize("band", [5, 14])
def test_detect_fields_in_black_band_inside_margin_excludes_band(band: int, is_jpeg: bool) -> None:
    cut = draw_photo(900)[130:780]
    framed = add_border(add_border(cut, band, band, 9, 9, (0, 0, 0)), 11, 11, 11, 11, WHITE)
    top = 11 + band
    (field,) = detect_fields(compress_jpeg(framed, 75) if is_jpeg else framed, CONFIG)
    assert not field.mask[:top].any()
    assert not field.mask[top + 650 :].any()
    assert field.mask[top : top + 650].any(axis=1).all()
    assert iou(field.mask[top : top + 650, 20:-20], detect_fov(cut).mask) > 0.98


@pytest.mark.parametrize("level", [60, 255])
@pytest.mark.parametrize("width", [5, 7, 13, 20])
def test_trim_margins_of_jpeg_finds_exact_line(width: int, level: int) -> None:
    cut = draw_photo(900)[130:780, 120:780]
    framed = add_border(cut, width, width, width, width, (level, level, level))
    assert trim_margins(compress_jpeg(framed, 75)) == Box(width, width, 660, 650)


@pytest.mark.parametrize("quality", [100, 75])
def test_trim_margins_removes_dark_grey_window(quality: int) -> None:
    cut = draw_photo(900)[130:780]
    framed = add_border(cut, 20, 30, 40, 50, (45, 45, 48))
    assert trim_margins(compress_jpeg(framed, quality)) == Box(40, 20, 900, 650)


def test_trim_black_bands_of_round_field_removes_nothing() -> None:
    photo = draw_photo(640)
    assert trim_black_bands(photo) == Box(0, 0, 640, 640)
    assert trim_black_bands(np.zeros((400, 400, 3), np.uint8)) == Box(0, 0, 400, 400)


@pytest.mark.parametrize("seed", range(6))
def test_margins_and_surround_of_smooth_cut_out_are_empty(seed: int) -> None:
    photo = synthetic.generate_photo(seed, 1200).photo[400:640, 330:600]
    assert trim_margins(photo) == Box(0, 0, 270, 240)
    assert not find_light_surround(make_thumbnail(photo)).any()


@pytest.mark.slow
def test_trim_margins_and_fields_of_real_cut_outs_are_whole_frame(data_root: Path) -> None:
    paths = sorted((data_root / "CHASEDB1").glob("*.jpg"))[::4]
    paths += sorted((data_root / "FIVES/train/Original").iterdir())[::3]
    for path in paths:
        photo = read_photo(path)
        box = detect_fov(photo).box
        side = round(0.3 * box.width)
        top, left = box.top + (box.height - side) // 2, box.left + (box.width - side) // 2
        cut_out = photo[top : top + side, left : left + side]
        (field,) = detect_fields(cut_out, CONFIG)
        assert (field.mask == 255).all(), path.name
