"""Image quality of published (gradable) photographs and of degraded copies."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import PhotoError
from edgeseg.field_of_view.detect import FieldOfView, detect_fov, whole_frame
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.photo import read_photo
from edgeseg.quality import NO_FUNDUS, assess_quality
from edgeseg.synthetic import generate_photo

PATTERNS = (
    "CHASEDB1/*.jpg",
    "HRF/images/*",
    "FIVES/train/Original/*.png",
    "DRIVE/*/images/*.tif",
    "STARE/stare-images/*.gz",
    "AVRDB/images/*",
)
SAMPLING = 9  # every ninth photograph is used; `pytest --all-photographs` uses all
MAX_SIDE = 1200  # pixels; limits the time for blurring the largest photographs


def list_photographs(root: Path, step: int) -> list[Path]:
    files: list[Path] = []
    for pattern in PATTERNS:
        files += sorted(root.glob(pattern))
    assert files, f"no photographs in {root}"
    return files[::step]


def scale_photo(photo: Photo, scale: float) -> Photo:
    resized = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8)


def get_reasons(photo: Photo) -> tuple[str, ...]:
    try:
        return assess_quality(photo, detect_fov(photo)).reasons
    except PhotoError:
        return NO_FUNDUS.reasons


def blur(photo: Photo, fov: FieldOfView) -> Photo:
    """Blur with a sigma of 2 % of the diameter."""
    diameter = 2 * np.sqrt(cv2.countNonZero(fov.mask) / np.pi)
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), 0.02 * diameter), np.uint8)


def darken(photo: Photo, fov: FieldOfView) -> Photo:
    return np.asarray((photo * 0.2).round(), np.uint8)


def crop_left_part(photo: Photo, fov: FieldOfView) -> Photo:
    """Crop to the left 40 % of the retina."""
    area_to_column = np.cumsum((fov.mask > 0).sum(axis=0))
    column = int(np.searchsorted(area_to_column, 0.4 * cv2.countNonZero(fov.mask)))
    return np.ascontiguousarray(photo[:, :column])


def crop_centre(photo: Photo, fov: FieldOfView) -> Photo:
    """Crop to a square with 40 % of the retina."""
    y, x = fov.box.top + fov.box.height // 2, fov.box.left + fov.box.width // 2
    half = 8
    while True:
        rows, columns = slice(max(0, y - half), y + half), slice(max(0, x - half), x + half)
        if cv2.countNonZero(fov.mask[rows, columns]) >= 0.4 * cv2.countNonZero(fov.mask):
            return np.ascontiguousarray(photo[rows, columns])
        half += 4


DEGRADATIONS: dict[str, Callable[[Photo, FieldOfView], Photo]] = {
    "blur": blur,
    "darken": darken,
    "crop_left_part": crop_left_part,
    "crop_centre": crop_centre,
}


def check_photographs(files: list[Path]) -> None:
    rejected = dict.fromkeys(DEGRADATIONS, 0)
    for file in files:
        photo = read_photo(file)
        photo = scale_photo(photo, min(1.0, MAX_SIDE / max(photo.shape[:2])))
        fov = detect_fov(photo)
        assert get_reasons(photo) == (), file
        for name, degrade in DEGRADATIONS.items():
            rejected[name] += bool(get_reasons(degrade(photo, fov)))
    assert min(rejected.values()) >= 0.9 * len(files), f"{rejected} of {len(files)}"


@pytest.mark.slow
def test_assess_quality_accepts_originals_and_rejects_90_percent_of_degraded(
    data_root: Path,
) -> None:
    check_photographs(list_photographs(data_root, SAMPLING))


@pytest.mark.slow
def test_assess_quality_accepts_all_originals_and_rejects_90_percent_of_degraded(
    data_root: Path, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--all-photographs"):
        pytest.skip("takes a minute: give --all-photographs")
    check_photographs(list_photographs(data_root, 1))


def lay_veil_of_own_colour(photo: Photo, fov: FieldOfView, contrast: float) -> Photo:
    mean = photo[fov.mask > 0].mean(axis=0)
    veiled = contrast * photo + (1 - contrast) * mean
    return np.where(fov.mask[:, :, None] > 0, veiled.round(), photo).astype(np.uint8)


@pytest.mark.slow
def test_most_veils_of_own_colour_are_hazy(data_root: Path) -> None:
    files = list_photographs(data_root, SAMPLING)
    found = 0
    for file in files:
        photo = read_photo(file)
        photo = scale_photo(photo, min(1.0, MAX_SIDE / max(photo.shape[:2])))
        fov = detect_fov(photo)
        found += "hazy" in assess_quality(lay_veil_of_own_colour(photo, fov, 0.2), fov).reasons
    assert found >= 0.75 * len(files)


@pytest.mark.parametrize("seed", range(3))
def test_assess_quality_accepts_synthetic_photograph_and_rejects_degraded(seed: int) -> None:
    photo = generate_photo(seed, 500).photo
    fov = detect_fov(photo)
    assert get_reasons(photo) == ()
    assert "blurred" in get_reasons(blur(photo, fov))
    assert "dark" in get_reasons(darken(photo, fov))
    assert "cropped" in get_reasons(crop_left_part(photo, fov))
    assert "cropped" in get_reasons(crop_centre(photo, fov))


@pytest.mark.parametrize("scale", [0.5, 2])
def test_assess_quality_values_are_similar_at_every_size(scale: float) -> None:
    photo = generate_photo(4, 700).photo
    scaled = scale_photo(photo, scale)
    first = assess_quality(photo, detect_fov(photo))
    second = assess_quality(scaled, detect_fov(scaled))
    assert first.focus == pytest.approx(second.focus, rel=0.15)
    assert first.brightness == pytest.approx(second.brightness, rel=0.03)
    assert first.retina == pytest.approx(second.retina, abs=0.02)
    assert first.field == pytest.approx(second.field, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("relative_sigma", [0.07, 0.15, math.inf])
def test_assess_quality_noise_in_an_empty_or_blurred_field_is_blurred(
    noise: float, relative_sigma: float
) -> None:
    """The finest detail in an empty or blurred field of view is sensor noise."""
    photo = generate_photo(1, 500).photo
    fov = detect_fov(photo)
    smooth = np.full(photo.shape, photo[fov.mask > 0].mean(axis=0))
    if relative_sigma < math.inf:
        sigma = relative_sigma * fov.box.width
        smooth = cv2.GaussianBlur(photo, (0, 0), sigma).astype(np.float64)
    noisy = np.where(fov.mask[:, :, None] > 0, smooth, photo)
    noisy += np.random.default_rng(0).normal(0, noise, photo.shape)
    assert "blurred" in get_reasons(np.asarray(noisy.round().clip(0, 255), np.uint8))


@pytest.mark.parametrize("relative_sigma", [0.04, 0.06])
def test_assess_quality_blurred_video_frame_is_blurred(
    relative_sigma: float, tmp_path: Path
) -> None:
    """The codec adds the edges of its blocks to frames without detail."""
    photo = generate_photo(1, 480).photo
    soft = cv2.GaussianBlur(photo, (0, 0), relative_sigma * 0.9 * 480)
    file = str(tmp_path / "soft.mp4")
    writer = cv2.VideoWriter(file, cv2.VideoWriter.fourcc(*"mp4v"), 20, photo.shape[1::-1])
    for shift in range(6):
        writer.write(cv2.cvtColor(np.roll(soft, shift, axis=1), cv2.COLOR_RGB2BGR))
    writer.release()
    capture = cv2.VideoCapture(file)
    for _ in range(6):
        success, frame = capture.read()
        assert success
        rgb = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
        assert "blurred" in get_reasons(rgb)
    assert not capture.read()[0]


def test_assess_quality_field_half_covered_by_eyelid_is_cropped() -> None:
    synthetic = generate_photo(5, 500)
    photo = synthetic.photo.copy()
    photo[: photo.shape[0] // 2] = 0
    assert "cropped" in assess_quality(photo, detect_fov(synthetic.photo)).reasons


@pytest.mark.parametrize("shape", [(1, 1), (2, 90), (300, 1), (64, 64)])
def test_assess_quality_uniform_frame_of_any_shape_is_ungradable(shape: tuple[int, int]) -> None:
    photo = np.full((*shape, 3), 80, np.uint8)
    assert assess_quality(photo, whole_frame(photo)).ungradable
