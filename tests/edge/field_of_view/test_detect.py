"""Field of view of synthetic photographs and of ellipses with known masks."""

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
from edgeseg.field_of_view.detect import detect_fields, detect_fov, grey10, whole_frame
from edgeseg.field_of_view.methods import FovMethod
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.preprocessing.config import PreprocessingConfig

ORANGE = (180, 90, 40)


def iou(first: Mask, second: Mask) -> float:
    return float(((first > 0) & (second > 0)).sum() / ((first > 0) | (second > 0)).sum())


def make_field(
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
    """Disc with random texture that becomes darker outwards, and its mask.

    `cut`: number of pixels without light at the top, bottom, left and right of the frame.
    """
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
    blurred = cv2.GaussianBlur(inside.astype(float), (0, 0), max(radius / 400, 0.4))
    edge = np.asarray(blurred)[..., None]
    photo = np.array(background, np.float32) * (1 - edge)
    photo = photo + np.array(colour, np.float32) * light[:, :, None] * edge
    photo += rng.normal(0, noise, photo.shape)
    return np.clip(photo, 0, 255).astype(np.uint8), np.uint8(255) * inside


def compress_jpeg(photo: Photo, quality: int) -> Photo:
    _, data = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


def resize(array: Photo, size: tuple[int, int], interpolation: int) -> Photo:
    return np.asarray(cv2.resize(array, size, interpolation=interpolation), np.uint8)


@pytest.mark.parametrize(
    ("seed", "size"),
    [(0, 64), (1, 256), (2, 512), (3, 1024), pytest.param(4, 2048, marks=pytest.mark.slow)],
)
def test_detect_fov_synthetic_photograph_agrees_with_mask(seed: int, size: int) -> None:
    drawn = synthetic.generate_photo(seed, size)
    assert iou(detect_fov(drawn.photo).mask, drawn.fov) > (0.96 if size < 128 else 0.99)


@pytest.mark.slow
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
def test_detect_fov_random_circle_agrees_with_mask(
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
    photo, truth = make_field(
        (height, width),
        (width / 2 + shift[0] * shorter, height / 2 + shift[1] * shorter),
        fill * shorter,
        colour=(red, green, blue),
        background=(background,) * 3,
        noise=noise * brightness,
        vignette=vignette,
    )
    assert iou(detect_fov(photo).mask, truth) > 0.96


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    top=st.floats(0.05, 0.4),
    bottom=st.floats(0.05, 0.4),
    sides=st.booleans(),
    background=st.integers(0, 20),
)
def test_detect_fov_random_straight_edges_agree_with_mask(
    top: float, bottom: float, sides: bool, background: int
) -> None:
    radius = 280
    above, below = round(300 - radius + top * radius), round(300 - radius + bottom * radius)
    cut = (0, 0, above + 50, below + 50) if sides else (above, below, 0, 0)
    photo, truth = make_field(
        radius=radius, cut=cut, background=(background, background // 2, background)
    )
    assert iou(detect_fov(photo).mask, truth) > 0.98


@pytest.mark.parametrize("size", [64, 65, 97, 128])
def test_detect_fov_small_photograph_agrees_with_mask(size: int) -> None:
    photo, truth = make_field((size, size), (size / 2, size / 2), 0.44 * size)
    assert iou(detect_fov(photo).mask, truth) > 0.95


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
def test_detect_fov_unusual_field_agrees_with_mask(options: dict[str, object]) -> None:
    photo, truth = make_field(**options)  # type: ignore[arg-type]
    assert iou(detect_fov(photo).mask, truth) > 0.98


@pytest.mark.slow
def test_detect_fov_large_photograph_agrees_with_mask() -> None:
    small_photo, small_truth = make_field(cut=(60, 0, 0, 0))
    photo = resize(small_photo, (5600, 4800), cv2.INTER_LINEAR)
    truth = resize(small_truth, (5600, 4800), cv2.INTER_LINEAR)
    assert iou(detect_fov(photo).mask, np.uint8(255) * (truth > 127)) > 0.98


def add_text(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    cv2.putText(photo, "2021-03-04 OD", (430, 590), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
    cv2.rectangle(photo, (0, 0), (70, 50), (255, 255, 255), cv2.FILLED)
    return photo, truth


def add_specks(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    specks = np.random.default_rng(1).random(photo.shape[:2]) < 0.002
    photo[specks] = 255
    return photo, truth


def add_margin(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    margin = ((150, 150), (400, 400))
    return np.pad(photo, (*margin, (0, 0))), np.pad(truth, margin)


def add_tab(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    cv2.rectangle(truth, (535, 110), (560, 135), 255, cv2.FILLED)
    photo[truth > 0] = np.maximum(photo[truth > 0], 60)
    return photo, truth


def add_notch(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    cv2.circle(truth, (350, 40), 14, 0, cv2.FILLED)
    photo[truth == 0] = 0
    return photo, truth


def darken_left_half(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    light = 0.05 + np.clip((np.arange(photo.shape[1]) - 150) / 300, 0, 1)
    return (photo * light[:, None] / 1.05).astype(np.uint8), truth


def add_bright_spot(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    cv2.circle(photo, (450, 300), 50, (255, 230, 180), cv2.FILLED)
    return photo, truth


def add_jpeg_artefacts(photo: Photo, truth: Mask) -> tuple[Photo, Mask]:
    return compress_jpeg(photo, 10), truth


@pytest.mark.parametrize(
    "change",
    [
        add_text,
        add_specks,
        add_margin,
        add_tab,
        add_notch,
        darken_left_half,
        add_bright_spot,
        add_jpeg_artefacts,
    ],
)
def test_detect_fov_changed_photograph_agrees_with_mask(
    change: Callable[[Photo, Mask], tuple[Photo, Mask]],
) -> None:
    photo, truth = change(*make_field())
    assert iou(detect_fov(photo).mask, truth) > 0.98


def test_detect_fov_frame_without_background_returns_whole_frame() -> None:
    photo, _ = make_field((512, 512), (255, 255), 600, vignette=0.3)
    assert (detect_fov(photo).mask == 255).all()


def test_detect_fov_polygon_returns_convex_hull() -> None:
    photo, _ = make_field(radius=420)
    truth = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(truth, [np.array([[80, 60], [630, 40], [660, 500], [340, 590], [60, 480]])], 255)
    photo[truth == 0] = 0
    assert iou(detect_fov(photo).mask, truth) > 0.98


def test_detect_fov_equal_photographs_give_equal_masks() -> None:
    photo, _ = make_field(cut=(60, 60, 0, 0), radius=320)
    assert (detect_fov(photo).mask == detect_fov(photo.copy()).mask).all()


def test_detect_fields_does_not_modify_photograph() -> None:
    photo, _ = make_field()
    before = photo.copy()
    for method in ("found", "grey10", "none"):
        detect_fields(photo, PreprocessingConfig(64, fov=method))
    assert (photo == before).all()


@pytest.mark.parametrize("method", ["found", "grey10", "none"])
def test_detect_fields_box_is_bounding_box_of_mask(method: FovMethod) -> None:
    photo, _ = make_field()
    fov = detect_fields(photo, PreprocessingConfig(64, fov=method))[0]
    rows, columns = np.nonzero(fov.mask)
    assert (fov.box.top, fov.box.left) == (rows.min(), columns.min())
    assert (fov.box.height, fov.box.width) == (np.ptp(rows) + 1, np.ptp(columns) + 1)
    assert fov.mask.dtype == np.uint8
    assert fov.mask.shape == photo.shape[:2]


def test_whole_frame_black_photograph_returns_whole_frame() -> None:
    fov = whole_frame(np.zeros((30, 40, 3), np.uint8))
    assert (fov.mask == 255).all()
    assert (fov.box.width, fov.box.height) == (40, 30)


def test_grey10_swaps_red_and_blue_like_the_reference() -> None:
    photo = np.zeros((40, 90, 3), np.uint8)
    photo[5:35, 5:40] = (80, 0, 0)  # 0.114 x 80 = 9
    photo[5:35, 50:80] = (0, 0, 40)  # 0.299 x 40 = 12
    fov = grey10(photo)
    assert (fov.box.left, fov.box.width) == (50, 30)


def test_grey10_fills_largest_region_and_rejects_black() -> None:
    photo, _ = make_field(noise=0)
    photo[250:350, 300:400] = 0
    photo[5:20, 5:20] = 255
    mask = grey10(photo).mask
    assert mask[300, 350] == 255
    assert mask[10, 10] == 0
    with pytest.raises(PhotoError, match=r"^dark\.png: "):
        grey10(np.full((20, 20, 3), 10, np.uint8), "dark.png")
