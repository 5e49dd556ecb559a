"""Quality of photographs with wrong or no colours, too much light, haze, or too few pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.field_of_view.detect import FieldOfView, detect_fov
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.photo import read_photo
from edgeseg.quality import assess_quality
from edgeseg.synthetic import generate_photo

PATTERNS = {
    "CHASEDB1": "CHASEDB1/*_01L.jpg",
    "HRF": "HRF/images/01_g.*",
    "FIVES": "FIVES/train/Original/10_A.png",
    "DRIVE": "DRIVE/test/images/01_test.tif",
    "STARE": "STARE/stare-images/im0077.ppm.gz",
    "AVRDB": "AVRDB/images/IM000001.jpg",
}
Change = Callable[[Photo, FieldOfView], npt.NDArray[np.generic]]


def keep_surround(changed: npt.NDArray[np.generic], fov: FieldOfView) -> Photo:
    inside = fov.mask[:, :, None] > 0
    return np.asarray(np.where(inside, np.clip(changed, 0, 255), 0), np.uint8)


def swap_channels(*order: int) -> Change:
    return lambda photo, fov: photo[:, :, list(order)]


def invert(photo: Photo, fov: FieldOfView) -> npt.NDArray[np.generic]:
    return 255 - photo


def make_angiogram(photo: Photo, fov: FieldOfView) -> npt.NDArray[np.generic]:
    """Return a grey copy with bright vessels."""
    return np.repeat(255 - photo[:, :, 1:2], 3, axis=2)


def make_tinted_angiogram(photo: Photo, fov: FieldOfView) -> npt.NDArray[np.generic]:
    """Return a copy with the colours of a retina and with bright vessels."""
    negative = 255.0 - photo[:, :, 1:2]
    return np.concatenate([60 + 0.7 * negative, 0.6 * negative, 0.3 * negative], axis=2)


def make_red_free(photo: Photo, fov: FieldOfView) -> npt.NDArray[np.generic]:
    return np.repeat(photo[:, :, 1:2], 3, axis=2)


def subtract_local_mean(share: float, gain: float) -> Change:
    def change(photo: Photo, fov: FieldOfView) -> npt.NDArray[np.generic]:
        colour = photo.astype(np.float32)
        mean = cv2.GaussianBlur(colour, (0, 0), share * fov.box.width)
        averaged: npt.NDArray[np.generic] = gain * (colour - mean) + 128
        return averaged

    return change


def lay_veil(photo: Photo, fov: FieldOfView) -> npt.NDArray[np.generic]:
    """Reduce the contrast to 15 % around a light colour."""
    mean = photo[fov.mask > 0].mean(axis=0)
    veiled: npt.NDArray[np.generic] = 0.15 * photo + 0.85 * (0.7 * mean + 0.3 * 180)
    return veiled


def lay_grey_veil(photo: Photo, fov: FieldOfView) -> npt.NDArray[np.generic]:
    """Reduce the contrast to 40 % around grey."""
    veiled: npt.NDArray[np.generic] = 0.4 * photo + 0.6 * 180
    return veiled


COLOURS: dict[str, tuple[Change, str]] = {
    "red and blue": (swap_channels(2, 1, 0), "unusual_colours"),
    "red and green": (swap_channels(1, 0, 2), "unusual_colours"),
    "green and blue": (swap_channels(0, 2, 1), "unusual_colours"),
    "negative": (invert, "unusual_colours"),
    "angiogram": (make_angiogram, "not_a_colour_photograph"),
    "tinted angiogram": (make_tinted_angiogram, "unusual_colours"),
    "local mean": (subtract_local_mean(1 / 60, 4), "not_a_colour_photograph"),
    "wide local mean": (subtract_local_mean(0.05, 2), "not_a_colour_photograph"),
}


def read_reduced(root: Path, pattern: str) -> Photo:
    photo = read_photo(next(root.glob(pattern)))
    scale = min(1.0, 600 / max(photo.shape[:2]))
    resized = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8)


@pytest.mark.parametrize("data_set", PATTERNS)
def test_assess_quality_changed_colours_of_real_photographs_are_recognized(
    data_set: str, data_root: Path
) -> None:
    photo = read_reduced(data_root, PATTERNS[data_set])
    fov = detect_fov(photo)
    assert assess_quality(photo, fov).reasons == ()
    for name, (change, code) in COLOURS.items():
        reasons = assess_quality(keep_surround(change(photo, fov), fov), fov).reasons
        assert code in reasons, name
    for veil in (lay_veil, lay_grey_veil):
        assert "hazy" in assess_quality(keep_surround(veil(photo, fov), fov), fov).reasons
    check_red_free(photo, fov)


def check_red_free(photo: Photo, fov: FieldOfView) -> None:
    quality = assess_quality(keep_surround(make_red_free(photo, fov), fov), fov)
    assert set(quality.reasons) <= {"dark"}  # green is darker than red
    assert quality.warnings == ("not_a_colour_photograph",)


def test_assess_quality_red_free_copy_with_dark_vessels_is_only_a_warning() -> None:
    photo = generate_photo(5, 500).photo
    fov = detect_fov(photo)
    assert assess_quality(photo, fov).warnings == ()
    check_red_free(photo, fov)


@pytest.mark.parametrize("name", COLOURS)
def test_assess_quality_changed_colours_are_recognized(name: str) -> None:
    photo = generate_photo(5, 500).photo
    fov = detect_fov(photo)
    change, code = COLOURS[name]
    assert code in assess_quality(keep_surround(change(photo, fov), fov), fov).reasons


def test_assess_quality_overexposed_field_is_not_blurred() -> None:
    photo = generate_photo(5, 500).photo
    fov = detect_fov(photo)
    white = np.asarray(np.clip(photo.astype(np.float32) * 6, 0, 255), np.uint8)
    reasons = assess_quality(white, fov).reasons
    assert "overexposed" in reasons
    assert "blurred" not in reasons


@pytest.mark.parametrize(("side", "small"), [(64, True), (124, True), (300, False)])
def test_assess_quality_small_counts_pixels_of_the_field(side: int, small: bool) -> None:
    photo = np.asarray(
        cv2.resize(generate_photo(5, 600).photo, (side, side), interpolation=cv2.INTER_AREA),
        np.uint8,
    )
    assert ("small" in assess_quality(photo, detect_fov(photo)).reasons) == small


def test_assess_quality_large_frame_around_the_retina_is_not_small() -> None:
    frame = np.zeros((1080, 1920, 3), np.uint8)
    frame[140:940, 560:1360] = generate_photo(5, 800).photo
    quality = assess_quality(frame, detect_fov(frame))
    assert quality.retina < 0.35
    assert quality.reasons == ()
