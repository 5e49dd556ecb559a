"""Several fields of view in one image are detected, separated and sorted, or joined if they
overlap."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from edgeseg import synthetic
from edgeseg.field_of_view.detect import FieldOfView, detect_fields, detect_fov
from edgeseg.field_of_view.several import sort_fields
from edgeseg.imaging.arrays import Box, Mask, Photo
from edgeseg.imaging.photo import read_photo
from edgeseg.preprocessing.config import PreprocessingConfig

CONFIG = PreprocessingConfig(128)


class Part(NamedTuple):
    """Photograph at a position in a composite image."""

    photo: Photo
    left: int
    top: int


def iou(first: Mask, second: Mask) -> float:
    return float(((first > 0) & (second > 0)).sum() / ((first > 0) | (second > 0)).sum())


def crop_to_field(photo: Photo) -> Photo:
    box = detect_fov(photo).box
    return photo[box.rows, box.columns]


def draw_eye(seed: int = 0, size: int = 320) -> Photo:
    return crop_to_field(synthetic.generate_photo(seed, size).photo)


def cut_at_top_and_bottom(photo: Photo, share: float = 0.15) -> Photo:
    cut = round(share * len(photo))
    return photo[cut:-cut]


def compose(parts: Sequence[Part]) -> Photo:
    height = max(part.top + part.photo.shape[0] for part in parts)
    width = max(part.left + part.photo.shape[1] for part in parts)
    image = np.zeros((height, width, 3), np.uint8)
    for photo, left, top in parts:
        target = image[top : top + photo.shape[0], left : left + photo.shape[1]]
        np.maximum(target, photo, out=target)
    return image


def side_by_side(photos: Sequence[Photo], gap: int = 0) -> list[Part]:
    parts: list[Part] = []
    left = 0
    for photo in photos:
        parts.append(Part(photo, left, 0))
        left += photo.shape[1] + gap
    return parts


def one_above_the_other(photos: Sequence[Photo], gap: int = 0) -> list[Part]:
    parts: list[Part] = []
    top = 0
    for photo in photos:
        parts.append(Part(photo, 0, top))
        top += photo.shape[0] + gap
    return parts


def assert_fields_as_alone(parts: Sequence[Part], image: Photo, minimum: float) -> None:
    fields = detect_fields(image, CONFIG)
    assert len(fields) == len(parts)
    for part, field in zip(parts, fields, strict=True):
        expected = np.zeros(image.shape[:2], np.uint8)
        height, width = part.photo.shape[:2]
        alone = detect_fov(part.photo).mask
        expected[part.top : part.top + height, part.left : part.left + width] = alone
        assert iou(field.mask, expected) > minimum
        assert not field.overlapping


def shrink(photo: Photo, factor: float) -> Photo:
    small = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def red_free(photo: Photo) -> Photo:
    return np.repeat(photo[:, :, 1:2], 3, axis=2)


def inset(photo: Photo, factor: float) -> list[Part]:
    small = shrink(photo, factor)
    return [Part(photo, 0, 0), Part(small, photo.shape[1] + 6, photo.shape[0] - small.shape[0])]


@pytest.mark.parametrize("quality", [None, 80])
def test_detect_fields_of_photograph_and_its_mirror_image_are_separated(
    quality: int | None,
) -> None:
    photo = cut_at_top_and_bottom(draw_eye(0, 800))
    parts = one_above_the_other([photo, photo[::-1]])
    image = compose(parts)
    if quality is not None:
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    assert_fields_as_alone(parts, image, 0.97)
    assert len(detect_fields(photo, CONFIG)) == 1


@pytest.mark.parametrize(
    "parts",
    [
        side_by_side([draw_eye(0), draw_eye(1)], gap=12),
        side_by_side([draw_eye(0), draw_eye(0)[:, ::-1]]),
        one_above_the_other([draw_eye(1), draw_eye(2)]),
        side_by_side([draw_eye(0, 400), draw_eye(1, 220)], gap=5),
        side_by_side([draw_eye(3), red_free(draw_eye(3))]),
        inset(draw_eye(0, 500), 0.3),
        one_above_the_other(
            [cut_at_top_and_bottom(draw_eye(0)), cut_at_top_and_bottom(draw_eye(2))]
        ),
    ],
    ids=["gap", "touching", "above", "sizes", "red-free", "inset", "cut"],
)
def test_detect_fields_of_composite_image_equal_those_of_single_photographs(
    parts: list[Part],
) -> None:
    assert_fields_as_alone(parts, compose(parts), 0.98)


def test_detect_fields_of_four_photographs_are_in_reading_order() -> None:
    upper = side_by_side([draw_eye(0), draw_eye(1)], gap=8)
    lower = [
        Part(part.photo, part.left, 330) for part in side_by_side([draw_eye(2), draw_eye(3)], 8)
    ]
    assert_fields_as_alone(upper + lower, compose(upper + lower), 0.98)


def test_detect_fields_cut_above_black_area_ends_at_the_cut() -> None:
    cut = cut_at_top_and_bottom(draw_eye(1, 800))
    image = compose(side_by_side([draw_eye(0, 1200), cut], gap=100))
    _, field = detect_fields(image, CONFIG)
    assert field.box.top + field.box.height == len(cut)


@pytest.mark.parametrize("share", [0.12, 0.2])
def test_detect_fields_of_four_cut_photographs_that_touch_are_separated(share: float) -> None:
    cut = [cut_at_top_and_bottom(draw_eye(seed), share) for seed in range(4)]
    upper = side_by_side(cut[:2])
    height = max(len(photo) for photo in cut[:2])
    lower = [Part(part.photo, part.left, height) for part in side_by_side(cut[2:])]
    assert_fields_as_alone(upper + lower, compose(upper + lower), 0.97)


@pytest.mark.parametrize("share", [0.12, 0.18])
def test_detect_fields_of_three_cut_photographs_in_a_row_are_separated(share: float) -> None:
    parts = side_by_side([cut_at_top_and_bottom(draw_eye(seed), share) for seed in range(3)])
    assert_fields_as_alone(parts, compose(parts), 0.97)


def test_detect_fields_on_white_page_returns_both() -> None:
    parts = side_by_side([draw_eye(0), draw_eye(1)], gap=12)
    composed = compose(parts)
    height, width = composed.shape[:2]
    image = np.full((height + 100, width + 60, 3), 255, np.uint8)
    image[40 : 40 + height, 30 : 30 + width] = composed
    moved = [Part(part.photo, part.left + 30, part.top + 40) for part in parts]
    assert_fields_as_alone(moved, image, 0.98)


def test_detect_fields_that_overlap_are_one_field() -> None:
    eye = draw_eye(0)
    parts = [Part(eye, 0, 0), Part(draw_eye(1), round(0.7 * eye.shape[1]), 0)]
    image = compose(parts)
    (field,) = detect_fields(image, CONFIG)
    assert field.overlapping
    assert field.rim is None
    assert iou(field.mask, np.uint8(255) * (image.max(axis=2) > 20)) > 0.95


def test_detect_fov_of_two_fields_returns_larger_one() -> None:
    parts = side_by_side([draw_eye(0, 220), draw_eye(1, 400)], gap=5)
    assert detect_fov(compose(parts)).box.left >= parts[1].left


def test_detect_fields_masks_do_not_intersect() -> None:
    parts = side_by_side([draw_eye(0), draw_eye(1)])
    first, second = detect_fields(compose(parts), CONFIG)
    assert not ((first.mask > 0) & (second.mask > 0)).any()


@pytest.mark.parametrize(
    ("boxes", "order"),
    [
        ([Box(500, 0, 100, 100), Box(0, 10, 100, 100)], [1, 0]),
        ([Box(0, 300, 100, 100), Box(0, 0, 100, 100)], [1, 0]),
        ([Box(0, 0, 400, 400), Box(450, 290, 110, 110)], [0, 1]),
    ],
)
def test_sort_fields_returns_reading_order(boxes: list[Box], order: list[int]) -> None:
    fields = [FieldOfView(np.zeros((1, 1), np.uint8), box) for box in boxes]
    assert [fields.index(field) for field in sort_fields(fields)] == order


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern", ["CHASEDB1/*_0[12]?.jpg", "HRF/images/0[12]_h.*", "DRIVE/test/images/0[12]*"]
)
def test_detect_fields_of_real_pairs_equal_those_of_single_photographs(
    data_root: Path, pattern: str
) -> None:
    first, second = [read_photo(path) for path in sorted(data_root.glob(pattern))[:2]]
    tight = [crop_to_field(first), crop_to_field(second)]
    for parts in (
        side_by_side([first, second]),
        one_above_the_other([first, second]),
        side_by_side(tight),
        one_above_the_other(tight),
        inset(first, 0.3),
    ):
        assert_fields_as_alone(parts, compose(parts), 0.985)
