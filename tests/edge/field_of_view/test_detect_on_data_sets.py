"""Field of view of real photographs compared with published masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.field_of_view.detect import detect_fov
from edgeseg.field_of_view.thresholding import largest_region
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.photo import read_mask, read_photo

pytestmark = pytest.mark.slow


def iou(first: Mask, second: Mask) -> float:
    return float(((first > 0) & (second > 0)).sum() / ((first > 0) | (second > 0)).sum())


def resize(array: Photo, size: tuple[int, int], interpolation: int) -> Photo:
    return np.asarray(cv2.resize(array, size, interpolation=interpolation), np.uint8)


def level_beside_rim(photo: Photo, mask: Mask) -> tuple[float, float]:
    """Median of the brightest channel directly inside and outside the mask."""
    reach = max(3, round(0.012 * np.sqrt((mask > 0).sum() / np.pi)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    level = photo.max(axis=2)
    inner = (mask > 0) & (cv2.erode(mask, kernel, borderValue=255) == 0)
    outer = (mask == 0) & (cv2.dilate(mask, kernel) > 0)
    return float(np.median(level[inner])), float(np.median(level[outer]))


def drive_pairs(root: Path) -> Iterator[tuple[Path, Path]]:
    for part in ("training", "test"):
        for path in sorted((root / "DRIVE" / part / "images").iterdir()):
            yield path, next((root / "DRIVE" / part / "mask").glob(f"{path.stem}_mask*"))


def hrf_pairs(root: Path) -> Iterator[tuple[Path, Path]]:
    for path in sorted((root / "HRF" / "images").iterdir()):
        yield path, next((root / "HRF" / "mask").glob(f"{path.stem}_mask*"))


@pytest.mark.parametrize(("pairs", "count"), [(drive_pairs, 40), (hrf_pairs, 45)])
def test_detect_fov_agrees_with_published_masks(
    data_root: Path, pairs: Callable[[Path], Iterator[tuple[Path, Path]]], count: int
) -> None:
    agreement = {}
    for path, mask in pairs(data_root):
        agreement[path.name] = iou(detect_fov(read_photo(path)).mask, read_mask(mask))
    assert len(agreement) == count
    assert min(agreement.values()) >= 0.98, agreement
    assert np.mean(list(agreement.values())) >= 0.995


@pytest.mark.parametrize(
    ("pattern", "count", "area", "remaining"),
    [
        ("STARE/stare-images/*.gz", 20, (0.72, 0.81), 0.45),  # stray light around the circle
        ("CHASEDB1/*.jpg", 28, (0.64, 0.70), 0.15),
        ("FIVES/train/Original/*.png", 10, (0.75, 0.77), 0.15),
    ],
)
def test_detect_fov_brightness_drops_at_rim_without_published_mask(
    data_root: Path, pattern: str, count: int, area: tuple[float, float], remaining: float
) -> None:
    paths = sorted(data_root.glob(pattern))
    assert len(paths) == count
    for path in paths:
        photo = read_photo(path)
        mask = detect_fov(photo).mask
        assert area[0] < (mask > 0).mean() < area[1], path.name
        inside, outside = level_beside_rim(photo, mask)
        assert outside < remaining * inside, path.name


def test_detect_fov_contains_labelled_vessels(data_root: Path) -> None:
    folder = data_root / "FIVES" / "train"
    for path in sorted((folder / "Original").iterdir()):
        vessels = read_mask(folder / "Ground truth" / path.name) > 0
        outside = vessels & (detect_fov(read_photo(path)).mask == 0)
        assert outside.sum() < 0.001 * vessels.sum(), path.name


def test_detect_fov_excludes_blanked_pixels_of_fives(data_root: Path) -> None:
    # A ring of stray light around the field is 12 pixels wide. Its brightness is below a tenth of
    # the brightness at the rim.
    for path in sorted((data_root / "FIVES" / "train" / "Original").iterdir()):
        photo = read_photo(path)
        visible = largest_region(photo.max(axis=2) > 0)
        mask = detect_fov(photo).mask
        assert visible is not None
        assert not ((mask > 0) & (visible == 0)).any(), path.name
        assert iou(mask, visible) > 0.97, path.name


@pytest.mark.parametrize("factor", [0.12, 0.3])
def test_detect_fov_dark_photograph_agrees_with_mask(data_root: Path, factor: float) -> None:
    for path, mask in list(drive_pairs(data_root))[::8]:
        dark = (read_photo(path) * factor).astype(np.uint8)
        assert iou(detect_fov(dark).mask, read_mask(mask)) > 0.98, path.name


def test_detect_fov_grey_photograph_agrees_with_mask(data_root: Path) -> None:
    for path, mask in list(drive_pairs(data_root))[::8]:
        grey = cv2.cvtColor(read_photo(path), cv2.COLOR_RGB2GRAY)
        photo = np.dstack([grey] * 3).astype(np.uint8)
        assert iou(detect_fov(photo).mask, read_mask(mask)) > 0.98, path.name


@pytest.mark.parametrize("size", [(512, 512), (700, 420), (300, 400)])
def test_detect_fov_stretched_photograph_agrees_with_mask(
    data_root: Path, size: tuple[int, int]
) -> None:
    for path, mask in list(drive_pairs(data_root))[::8] + list(hrf_pairs(data_root))[::15]:
        photo = resize(read_photo(path), size, cv2.INTER_AREA)
        truth = resize(read_mask(mask), size, cv2.INTER_NEAREST)
        assert iou(detect_fov(photo).mask, truth) > 0.98, path.name


def test_detect_fov_frame_inside_circle_returns_whole_frame(data_root: Path) -> None:
    for path in sorted((data_root / "FIVES" / "train" / "Original").iterdir()):
        centre = read_photo(path)[400:1650, 400:1650]
        assert (detect_fov(centre).mask == 255).all(), path.name
