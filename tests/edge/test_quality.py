"""Which frames are worth segmenting: the shared photographs, and what is left of them when they are spoilt."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.errors import PhotoError
from edgeseg.field_of_view.detect import FieldOfView, detect_fov, whole_frame
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.photo import read_photo
from edgeseg.quality import NO_FUNDUS, assess_quality
from edgeseg.synthetic import generate_photo

FOLDERS = {
    "CHASEDB1": "CHASEDB1/*.jpg",
    "HRF": "HRF/images/*",
    "FIVES": "FIVES/train/Original/*.png",
    "DRIVE": "DRIVE/*/images/*.tif",
    "STARE": "STARE/stare-images/*.gz",
}
EVERY = 9  # all of them: pytest --all-photographs
LONGEST = 1200  # pixels, to blur the largest ones in a moment


def photographs(root: Path, every: int) -> list[Path]:
    files = [file for pattern in FOLDERS.values() for file in sorted(root.glob(pattern))]
    assert files, f"no photographs in {root}"
    return files[::every]


def reduced(photo: Photo) -> Photo:
    scale = LONGEST / max(photo.shape[:2])
    if scale >= 1:
        return photo
    return np.asarray(
        cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )


def reasons(photo: Photo) -> tuple[str, ...]:
    try:
        return assess_quality(photo, detect_fov(photo)).reasons
    except PhotoError:
        return NO_FUNDUS.reasons


def blurred(photo: Photo, fov: FieldOfView) -> Photo:
    diameter = 2 * np.sqrt(cv2.countNonZero(fov.mask) / np.pi)
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), 0.02 * diameter), np.uint8)


def darkened(photo: Photo, fov: FieldOfView) -> Photo:
    return np.asarray((photo * 0.2).round(), np.uint8)


def share_of(part: Mask, fov: FieldOfView) -> float:
    return cv2.countNonZero(part) / cv2.countNonZero(fov.mask)


def left_part(photo: Photo, fov: FieldOfView) -> Photo:
    columns = int(
        np.searchsorted(np.cumsum((fov.mask > 0).sum(axis=0)), 0.4 * cv2.countNonZero(fov.mask))
    )
    return np.ascontiguousarray(photo[:, :columns])


def middle(photo: Photo, fov: FieldOfView) -> Photo:
    y, x = fov.box.top + fov.box.height // 2, fov.box.left + fov.box.width // 2
    half = 8
    while share_of(fov.mask[max(0, y - half) : y + half, max(0, x - half) : x + half], fov) < 0.4:
        half += 4
    return np.ascontiguousarray(photo[max(0, y - half) : y + half, max(0, x - half) : x + half])


def small_field(photo: Photo, fov: FieldOfView) -> Photo:
    y, x = fov.box.top + fov.box.height // 2, fov.box.left + fov.box.width // 2
    disc = np.zeros(fov.mask.shape, np.uint8)
    cv2.circle(
        disc, (x, y), int(np.sqrt(0.4 * cv2.countNonZero(fov.mask) / np.pi)), 255, cv2.FILLED
    )
    return np.asarray(cv2.bitwise_and(photo, photo, mask=disc), np.uint8)


SPOILT: dict[str, Callable[[Photo, FieldOfView], Photo]] = {
    "blurred": blurred,
    "darkened": darkened,
    "left part": left_part,
    "middle": middle,
    "small field": small_field,
}


def check(files: list[Path]) -> None:
    marked = dict.fromkeys(SPOILT, 0)
    for file in files:
        photo = reduced(read_photo(file))
        fov = detect_fov(photo)
        assert reasons(photo) == (), f"{file} is no worse than the others"
        for name, spoil in SPOILT.items():
            marked[name] += bool(reasons(spoil(photo, fov)))
    assert all(count >= 0.9 * len(files) for count in marked.values()), f"{marked} of {len(files)}"


def test_originals_are_gradable_and_nine_of_ten_spoilt_ones_are_not(data_root: Path) -> None:
    check(photographs(data_root, EVERY))


def test_so_is_every_photograph(data_root: Path, request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--all-photographs"):
        pytest.skip("takes a minute: give --all-photographs")
    check(photographs(data_root, 1))


@pytest.mark.parametrize("seed", range(3))
def test_drawn_photographs_likewise(seed: int) -> None:
    photo = generate_photo(seed, 500).photo
    fov = detect_fov(photo)
    assert reasons(photo) == ()
    said = {name: reasons(spoil(photo, fov)) for name, spoil in SPOILT.items()}
    assert "blurred" in said["blurred"] and "dark" in said["darkened"]
    assert (
        "cropped" in said["left part"]
        and "cropped" in said["middle"]
        and "small" in said["small field"]
    )


@pytest.mark.parametrize("scale", [0.5, 2])
def test_the_figures_hardly_depend_on_the_photograph_s_size(scale: float) -> None:
    photo = generate_photo(4, 700).photo
    other = np.asarray(
        cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )
    first, second = (assess_quality(p, detect_fov(p)) for p in (photo, other))
    assert first.focus == pytest.approx(second.focus, rel=0.15)
    assert first.brightness == pytest.approx(second.brightness, rel=0.03)
    assert first.retina == pytest.approx(second.retina, abs=0.02)
    assert first.field == pytest.approx(second.field, abs=0.02)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("share_of_field", [0.07, 0.15, math.inf])
def test_noise_in_an_empty_or_wholly_unsharp_field_is_no_focus(
    sigma: float, share_of_field: float
) -> None:
    """The finest detail is the sensor's own there."""
    photo = generate_photo(1, 500).photo
    fov = detect_fov(photo)
    inside = fov.mask[:, :, None] > 0
    smooth = np.full(photo.shape, photo[fov.mask > 0].mean(axis=0))
    if share_of_field < math.inf:
        smooth = cv2.GaussianBlur(photo, (0, 0), share_of_field * fov.box.width).astype(np.float64)
    noisy = np.where(inside, smooth, photo) + np.random.default_rng(0).normal(0, sigma, photo.shape)
    assert "blurred" in reasons(np.asarray(noisy.round().clip(0, 255), np.uint8))


@pytest.mark.parametrize("share_of_field", [0.04, 0.06])
def test_far_out_of_focus_in_a_video_is_blurred(share_of_field: float, tmp_path: Path) -> None:
    """The codec puts the edges of its blocks into what has none of its own."""
    photo = generate_photo(1, 480).photo
    soft = cv2.GaussianBlur(photo, (0, 0), share_of_field * 0.9 * 480)
    file = str(tmp_path / "soft.mp4")
    writer = cv2.VideoWriter(file, cv2.VideoWriter.fourcc(*"mp4v"), 20, photo.shape[1::-1])
    for shift in range(6):
        writer.write(cv2.cvtColor(np.roll(soft, shift, axis=1), cv2.COLOR_RGB2BGR))
    writer.release()
    capture, seen = cv2.VideoCapture(file), []
    while (came := capture.read())[0]:
        seen.append(reasons(np.asarray(cv2.cvtColor(came[1], cv2.COLOR_BGR2RGB), np.uint8)))
    assert len(seen) == 6 and all("blurred" in one for one in seen)


def test_a_lid_over_half_of_the_field_counts() -> None:
    drawn = generate_photo(5, 500)
    photo = drawn.photo.copy()
    photo[: photo.shape[0] // 2] = 0
    assert "cropped" in assess_quality(photo, detect_fov(drawn.photo)).reasons


def test_any_field_of_view_has_a_quality() -> None:
    for shape in ((1, 1), (2, 90), (300, 1), (64, 64)):
        photo = np.full((*shape, 3), 80, np.uint8)
        assert assess_quality(photo, whole_frame(photo)).ungradable
