"""The field of view agrees with the published masks of real photographs, dark, grey, stretched and cropped too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.field_of_view import detect as fov_of
from edgeseg.field_of_view.thresholding import largest_region
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.photo import read_mask, read_photo


def iou(one: Mask, other: Mask) -> float:
    return float(((one > 0) & (other > 0)).sum() / ((one > 0) | (other > 0)).sum())


def resized(array: Photo, size: tuple[int, int], how: int) -> Photo:
    return np.asarray(cv2.resize(array, size, interpolation=how), np.uint8)


def light_beside_rim(photo: Photo, mask: Mask) -> tuple[float, float]:
    """Median of the brightest channel just inside and just outside the mask."""
    reach = max(3, round(0.012 * np.sqrt((mask > 0).sum() / np.pi)))
    step = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    level = photo.max(axis=2)
    inner = (mask > 0) & (cv2.erode(mask, step, borderValue=255) == 0)
    outer = (mask == 0) & (cv2.dilate(mask, step) > 0)
    return float(np.median(level[inner])), float(np.median(level[outer]))


def drive(root: Path) -> Iterator[tuple[Path, Path]]:
    for part in ("training", "test"):
        for path in sorted((root / "DRIVE" / part / "images").iterdir()):
            yield path, next((root / "DRIVE" / part / "mask").glob(f"{path.stem}_mask*"))


def hrf(root: Path) -> Iterator[tuple[Path, Path]]:
    for path in sorted((root / "HRF" / "images").iterdir()):
        yield path, next((root / "HRF" / "mask").glob(f"{path.stem}_mask*"))


@pytest.mark.parametrize(("pairs", "count"), [(drive, 40), (hrf, 45)])
def test_agrees_with_published_masks(
    data_root: Path, pairs: Callable[[Path], Iterator[tuple[Path, Path]]], count: int
) -> None:
    agreement = {
        path.name: iou(fov_of.detect_fov(read_photo(path)).mask, read_mask(mask))
        for path, mask in pairs(data_root)
    }
    assert len(agreement) == count
    assert min(agreement.values()) >= 0.98, agreement
    assert np.mean(list(agreement.values())) >= 0.995


@pytest.mark.parametrize(
    ("pattern", "count", "area", "left"),
    [
        ("STARE/stare-images/*.gz", 20, (0.72, 0.81), 0.45),  # the film glows around the circle
        ("CHASEDB1/*.jpg", 28, (0.64, 0.70), 0.15),
        ("FIVES/train/Original/*.png", 10, (0.75, 0.77), 0.15),
    ],
)
def test_light_ends_where_no_mask_is_published(
    data_root: Path, pattern: str, count: int, area: tuple[float, float], left: float
) -> None:
    paths = sorted(data_root.glob(pattern))
    assert len(paths) == count
    for path in paths:
        photo = read_photo(path)
        mask = fov_of.detect_fov(photo).mask
        assert area[0] < (mask > 0).mean() < area[1], path.name
        inside, outside = light_beside_rim(photo, mask)
        assert outside < left * inside, path.name


def test_no_labelled_vessel_is_lost(data_root: Path) -> None:
    folder = data_root / "FIVES" / "train"
    for path in sorted((folder / "Original").iterdir()):
        vessels = read_mask(folder / "Ground truth" / path.name) > 0
        outside = vessels & (fov_of.detect_fov(read_photo(path)).mask == 0)
        assert outside.sum() < 0.001 * vessels.sum(), path.name


def test_fives_stays_within_what_was_not_blanked(data_root: Path) -> None:
    # Blanking left a ring of stray light (below a tenth of the rim's) 12 pixels wide, which holds no retina.
    for path in sorted((data_root / "FIVES" / "train" / "Original").iterdir()):
        photo = read_photo(path)
        shown = largest_region(photo.max(axis=2) > 0)
        mask = fov_of.detect_fov(photo).mask
        assert shown is not None
        assert not ((mask > 0) & (shown == 0)).any(), path.name
        assert iou(mask, shown) > 0.97, path.name


@pytest.mark.parametrize("factor", [0.12, 0.3])
def test_dark_photographs(data_root: Path, factor: float) -> None:
    for path, mask in list(drive(data_root))[::8]:
        dark = (read_photo(path) * factor).astype(np.uint8)
        assert iou(fov_of.detect_fov(dark).mask, read_mask(mask)) > 0.98, path.name


def test_grey_photographs(data_root: Path) -> None:
    for path, mask in list(drive(data_root))[::8]:
        grey = cv2.cvtColor(read_photo(path), cv2.COLOR_RGB2GRAY)
        assert (
            iou(fov_of.detect_fov(np.dstack([grey] * 3).astype(np.uint8)).mask, read_mask(mask))
            > 0.98
        ), path.name


@pytest.mark.parametrize("size", [(512, 512), (700, 420), (300, 400)])
def test_pixels_that_are_not_square(data_root: Path, size: tuple[int, int]) -> None:
    for path, mask in list(drive(data_root))[::8] + list(hrf(data_root))[::15]:
        photo = resized(read_photo(path), size, cv2.INTER_AREA)
        truth = resized(read_mask(mask), size, cv2.INTER_NEAREST)
        assert iou(fov_of.detect_fov(photo).mask, truth) > 0.98, path.name


def test_frames_inside_the_circle_are_whole(data_root: Path) -> None:
    for path in sorted((data_root / "FIVES" / "train" / "Original").iterdir()):
        assert (fov_of.detect_fov(read_photo(path)[400:1650, 400:1650]).mask == 255).all(), (
            path.name
        )
