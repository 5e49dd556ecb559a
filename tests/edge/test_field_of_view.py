"""The field of view agrees with drawn circles, whatever befalls them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg import synthetic
from edgeseg.errors import PhotoError
from edgeseg.field_of_view import detect as fov_of
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.preprocessing.config import FovMethod, PreprocessingConfig

ORANGE = (180, 90, 40)


def iou(one: Mask, other: Mask) -> float:
    return float(((one > 0) & (other > 0)).sum() / ((one > 0) | (other > 0)).sum())


def disc(
    shape: tuple[int, int] = (600, 700),
    centre: tuple[float, float] = (350, 300),
    radius: float = 260,
    *,
    colour: tuple[int, int, int] = ORANGE,
    background: tuple[int, int, int] = (0, 0, 0),
    noise: float = 3,
    cut: tuple[int, int, int, int] = (0, 0, 0, 0),
    aspect: float = 1,
    vignette: float = 0.4,
) -> tuple[Photo, Mask]:
    """A mottled disc that darkens outwards; cut: pixels taken off the frame's top, bottom, left and right."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    distance = np.hypot(x - centre[0], (y - centre[1]) / aspect) / radius
    inside = (
        (distance <= 1)
        & (y >= cut[0])
        & (y < shape[0] - cut[1])
        & (x >= cut[2])
        & (x < shape[1] - cut[3])
    )
    mottle: npt.NDArray[np.float64] = np.asarray(
        cv2.GaussianBlur(rng.normal(0, 1, shape), (0, 0), max(radius / 12, 1))
    )
    light = np.clip(1 - vignette * distance**2, 0.1, 1) * (1 + 0.1 * mottle / mottle.std())
    edge = np.asarray(cv2.GaussianBlur(inside.astype(float), (0, 0), max(radius / 400, 0.4)))[
        ..., None
    ]
    photo = (
        np.array(background, np.float32) * (1 - edge)
        + np.array(colour, np.float32) * light[:, :, None] * edge
    )
    return np.clip(photo + rng.normal(0, noise, photo.shape), 0, 255).astype(np.uint8), np.uint8(
        255
    ) * inside


def jpeg(photo: Photo, quality: int) -> Photo:
    _, data = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


def resized(array: Photo, size: tuple[int, int], how: int) -> Photo:
    return np.asarray(cv2.resize(array, size, interpolation=how), np.uint8)


# Drawn photographs


@pytest.mark.parametrize(("seed", "size"), [(0, 64), (1, 256), (2, 512), (3, 1024), (4, 2048)])
def test_synthetic_photographs(seed: int, size: int) -> None:
    drawn = synthetic.generate_photo(seed, size)
    assert iou(fov_of.detect_fov(drawn.photo).mask, drawn.fov) > (0.96 if size < 128 else 0.99)


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(256, 900),
    height=st.integers(256, 900),
    fill=st.floats(0.3, 0.62),
    shift=st.tuples(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1)),
    brightness=st.floats(0.2, 1.3),
    background=st.integers(0, 6),
    noise=st.floats(0, 4),
    vignette=st.floats(0, 0.6),
)
def test_any_circle(
    width: int,
    height: int,
    fill: float,
    shift: tuple[float, float],
    brightness: float,
    background: int,
    noise: float,
    vignette: float,
) -> None:
    shorter = min(width, height)
    red, green, blue = (round(part * brightness) for part in ORANGE)
    photo, truth = disc(
        (height, width),
        (width / 2 + shift[0] * shorter, height / 2 + shift[1] * shorter),
        fill * shorter,
        colour=(red, green, blue),
        background=(background,) * 3,
        noise=noise * brightness,
        vignette=vignette,
    )
    assert iou(fov_of.detect_fov(photo).mask, truth) > 0.96


@settings(max_examples=30, deadline=None)
@given(
    top=st.floats(0.05, 0.4),
    bottom=st.floats(0.05, 0.4),
    sides=st.booleans(),
    background=st.integers(0, 20),
)
def test_any_straight_cut(top: float, bottom: float, sides: bool, background: int) -> None:
    radius = 280
    above, below = round(300 - radius + top * radius), round(300 - radius + bottom * radius)
    cut = (0, 0, above + 50, below + 50) if sides else (above, below, 0, 0)
    photo, truth = disc(
        radius=radius, cut=cut, background=(background, background // 2, background)
    )
    assert iou(fov_of.detect_fov(photo).mask, truth) > 0.98


@pytest.mark.parametrize("size", [64, 65, 97, 128])
def test_small_photographs(size: int) -> None:
    photo, truth = disc((size, size), (size / 2, size / 2), 0.44 * size)
    assert iou(fov_of.detect_fov(photo).mask, truth) > 0.95


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (512, 512), "centre": (255.5, 255.5), "radius": 255.5},
        {"shape": (512, 512), "centre": (255.5, 255.5), "radius": 290},
        {"shape": (512, 512), "centre": (255.5, 255.5), "radius": 335},
        {"shape": (600, 900), "centre": (500, 280), "radius": 120},
        {"shape": (831, 256), "centre": (128, 420), "radius": 78},
        {"centre": (700, 300), "radius": 400},
        {"colour": (24, 12, 7), "noise": 1},
        {"colour": (60, 30, 20), "background": (15, 15, 20)},
        {"colour": (110, 110, 110)},
        {"colour": (60, 150, 60)},
        {"cut": (60, 60, 110, 110), "radius": 290},
        {"shape": (512, 512), "centre": (256, 256), "radius": 300, "aspect": 0.67},
        {"shape": (512, 512), "centre": (256, 256), "radius": 240, "aspect": 0.9},
    ],
    ids=str,
)
def test_circles_of_every_kind(options: dict[str, object]) -> None:
    photo, truth = disc(**options)  # type: ignore[arg-type]
    assert iou(fov_of.detect_fov(photo).mask, truth) > 0.98


def test_large_photographs() -> None:
    photo, truth = (
        resized(array, (5600, 4800), cv2.INTER_LINEAR) for array in disc(cut=(60, 0, 0, 0))
    )
    assert iou(fov_of.detect_fov(photo).mask, np.where(truth > 127, 255, 0).astype(np.uint8)) > 0.98


def stamped(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    cv2.putText(photo, "2021-03-04 OD", (430, 590), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
    cv2.rectangle(photo, (0, 0), (70, 50), (255, 255, 255), cv2.FILLED)
    return photo, truth


def specked(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    specks = np.random.default_rng(1).random(photo.shape[:2]) < 0.002
    photo[specks] = 255
    return photo, truth


def letterboxed(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    margin = ((150, 150), (400, 400))
    return np.pad(photo, (*margin, (0, 0))), np.pad(truth, margin)


def tabbed(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    cv2.rectangle(truth, (535, 110), (560, 135), 255, cv2.FILLED)
    photo[truth > 0] = np.maximum(photo[truth > 0], 60)
    return photo, truth


def notched(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    cv2.circle(truth, (350, 40), 14, 0, cv2.FILLED)
    photo[truth == 0] = 0
    return photo, truth


def half_dark(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    light = 0.05 + np.clip((np.arange(photo.shape[1]) - 150) / 300, 0, 1)
    return (photo * light[:, None] / 1.05).astype(np.uint8), truth


def bright_spot(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    cv2.circle(photo, (450, 300), 50, (255, 230, 180), cv2.FILLED)
    return photo, truth


def compressed(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    return jpeg(photo, 10), truth


@pytest.mark.parametrize(
    "change", [stamped, specked, letterboxed, tabbed, notched, half_dark, bright_spot, compressed]
)
def test_what_befalls_photographs(change: Callable[[Photo, Mask], tuple[Photo, Mask]]) -> None:
    photo, truth = change(*disc())
    assert iou(fov_of.detect_fov(photo).mask, truth) > 0.98


def test_a_frame_without_background_is_whole() -> None:
    photo, _ = disc((512, 512), (255, 255), 600, vignette=0.3)
    assert (fov_of.detect_fov(photo).mask == 255).all()


def test_a_field_that_is_not_round_is_its_hull() -> None:
    photo, _ = disc(radius=420)
    truth = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(truth, [np.array([[80, 60], [630, 40], [660, 500], [340, 590], [60, 480]])], 255)
    photo[truth == 0] = 0
    assert iou(fov_of.detect_fov(photo).mask, truth) > 0.98


# The contract


def test_equal_photographs_give_equal_fields() -> None:
    photo, _ = disc(cut=(60, 60, 0, 0), radius=320)
    assert (fov_of.detect_fov(photo).mask == fov_of.detect_fov(photo.copy()).mask).all()


def test_the_photograph_is_not_touched() -> None:
    photo, _ = disc()
    before = photo.copy()
    for method in ("found", "grey10", "none"):
        fov_of.detect_fields(photo, PreprocessingConfig(64, fov=method))[0]
    assert (photo == before).all()


@pytest.mark.parametrize("method", ["found", "grey10", "none"])
def test_the_box_is_tight(method: FovMethod) -> None:
    photo, _ = disc()
    found = fov_of.detect_fields(photo, PreprocessingConfig(64, fov=method))[0]
    rows, columns = np.nonzero(found.mask)
    assert (found.box.top, found.box.left) == (rows.min(), columns.min())
    assert (found.box.height, found.box.width) == (np.ptp(rows) + 1, np.ptp(columns) + 1)
    assert found.mask.dtype == np.uint8
    assert found.mask.shape == photo.shape[:2]


def test_none_is_the_whole_frame_even_of_nothing() -> None:
    found = fov_of.whole_frame(np.zeros((30, 40, 3), np.uint8))
    assert (found.mask == 255).all()
    assert (found.box.width, found.box.height) == (40, 30)


def test_grey10_takes_red_for_blue_as_the_reference_did() -> None:
    photo = np.zeros((40, 90, 3), np.uint8)
    photo[5:35, 5:40] = (80, 0, 0)  # 0.114 x 80 = 9
    photo[5:35, 50:80] = (0, 0, 40)  # 0.299 x 40 = 12
    found = fov_of.grey10(photo)
    assert (found.box.left, found.box.width) == (50, 30)


def test_grey10_fills_the_largest_region_and_refuses_black() -> None:
    photo, _ = disc(noise=0)
    photo[250:350, 300:400] = 0
    photo[5:20, 5:20] = 255
    mask = fov_of.grey10(photo).mask
    assert mask[300, 350] == 255
    assert mask[10, 10] == 0
    with pytest.raises(PhotoError, match=r"^dark\.png: "):
        fov_of.grey10(np.full((20, 20, 3), 10, np.uint8), "dark.png")
