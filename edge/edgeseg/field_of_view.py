"""Photograph -> field of view: the part of the frame in which the camera saw the retina.

Searched on a sample of a few hundred pixels: split off the dark background at several levels, fit a circle to each
outline, keep the one that its rim supports best, find where the camera cut it straight, draw it at full size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.arrays import Box, Mask, Photo
from edgeseg.errors import PhotographError
from edgeseg.rim import Circle, Cut, Points, fit_circle, fit_cuts

FovMethod: TypeAlias = Literal["found", "grey10", "none"]

_SAMPLE = 400
# Where to split, as a share of the way from background to retina, the preferred one first: it agrees best with the
# published masks of DRIVE and HRF; lower ones keep a dark rim, higher ones leave out the glow around STARE's circles.
_SHARES = (0.15, 0.1, 0.25, 0.35, 0.5, 0.05)
_FOLLOWED = 0.4  # of the visible circle at least; ragged outlines reach 0.2
_SHARP = 0.4  # of the light at the rim must be gone 6 sample pixels further out; vignetting loses 0.2
_FRACTION = 4  # binary digits below the pixel when drawing


@dataclass(frozen=True)
class FieldOfView:
    """The field of view of one photograph.

    Attributes:
        mask: (H, W) uint8, 255 inside.
        box: Tight box of the mask, pixels.
    """

    mask: Mask
    box: Box


@dataclass(frozen=True)
class _Sample:
    """Every stride-th pixel: its colour (H, W, 3), its brightest channel without specks (H, W), dark and bright level."""

    colour: Photo
    level: Mask
    stride: int
    dark: float
    bright: float


@dataclass(frozen=True)
class _Split:
    """The largest region above one level, its outline within the frame, the circle, the share of it that is outline."""

    region: Mask
    outline: Points
    circle: Circle | None
    followed: float


def field_of_view(photo: Photo, method: FovMethod, name: str = "photograph") -> FieldOfView:
    """Photograph (H, W, 3) uint8 RGB -> its field of view by the named method."""
    if method == "found":
        return find(photo, name)
    return grey10(photo, name) if method == "grey10" else whole(photo)


def whole(photo: Photo) -> FieldOfView:
    """The whole frame, whatever it shows."""
    return _from_mask(np.full(photo.shape[:2], 255, np.uint8))


def grey10(photo: Photo, name: str = "photograph") -> FieldOfView:
    """The reference system's field of view: grey above 10, the largest outer contour, filled.

    Its grey is OpenCV's BGR2GRAY of an RGB photograph: 0.114 R + 0.587 G + 0.299 B.

    Raises:
        PhotographError: Nothing is brighter than 10.
    """
    region = _largest(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY) > 10)
    if region is None:
        raise PhotographError(f"{name}: holds no fundus, nothing in it is brighter than grey 10.")
    return _from_mask(region)


def find(photo: Photo, name: str = "photograph") -> FieldOfView:
    """Photograph (H, W, 3) uint8 RGB -> field of view.

    Raises:
        PhotographError: The frame clearly holds no fundus.
    """
    sample = _sample(photo)
    _refuse_empty(sample, name)
    splits = _splits(sample)
    best = _best(splits, sample)
    if best and best.circle:
        cuts = fit_cuts([split.outline for split in splits], best.circle)
        return _from_mask(_draw(best.circle, cuts, best.region, sample.stride, photo.shape))
    region = _ragged(splits, sample)
    _refuse_unlike(sample, region, name)
    return whole(photo) if region is None else _from_mask(_enlarged(region, photo.shape))


def _sample(photo: Photo) -> _Sample:
    stride = max(1, max(photo.shape[:2]) // _SAMPLE)
    colour = photo[stride // 2 :: stride, stride // 2 :: stride]
    brightest = np.maximum(np.maximum(colour[:, :, 0], colour[:, :, 1]), colour[:, :, 2])
    level = np.asarray(cv2.medianBlur(brightest, 5), np.uint8)
    dark = float(np.percentile(np.concatenate([level[0], level[-1], level[:, 0], level[:, -1]]), 10))
    lit = level[level > dark + 0.08 * (int(level.max()) - dark)]
    return _Sample(colour, level, stride, dark, float(np.median(lit)) if lit.size else dark)


def _refuse_empty(sample: _Sample, name: str) -> None:
    low, high = np.percentile(sample.level, (1, 99))
    if high < 12:
        raise PhotographError(f"{name}: holds no fundus, the frame is black.")
    if high - low < 6:
        raise PhotographError(f"{name}: holds no fundus, the frame is uniform.")


def _splits(sample: _Sample) -> list[_Split]:
    """The sample split at each level; the rest is spared when a circle is followed nearly all the way round."""
    splits: list[_Split] = []
    for share in _SHARES:
        split = _split(sample.level, sample.dark + share * (sample.bright - sample.dark))
        if split and split.followed > 0.95:
            return [split]
        splits += [split] if split else []
    return splits


def _split(level: Mask, threshold: float) -> _Split | None:
    opened = cv2.morphologyEx((level > threshold).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    region = _largest(opened > 0)
    if region is None:
        return None
    outline = _outline(region)
    circle = fit_circle(outline, 0.1 * max(level.shape), 1.5 * max(level.shape)) if len(outline) > 30 else None
    return _Split(region, outline, circle, _followed(outline, circle, level.shape) if circle else 0.0)


def _largest(bright: npt.NDArray[np.bool_]) -> Mask | None:
    """The largest outer contour of the bright pixels, filled with 255."""
    contours, _ = cv2.findContours(bright.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    region = np.zeros(bright.shape, np.uint8)
    cv2.drawContours(region, [max(contours, key=cv2.contourArea)], -1, 255, cv2.FILLED)
    return region


def _outline(region: Mask) -> Points:
    """Outline of the region in order, without what the frame's edge cut."""
    contours, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = contours[0][:, 0, :].astype(np.float64)
    return points[_within(points, region.shape)]


def _within(points: Points, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    limit = np.array([shape[1] - 3, shape[0] - 3])
    return np.asarray(((points > 2) & (points < limit)).all(axis=1))


def _followed(outline: Points, circle: Circle, shape: tuple[int, ...]) -> float:
    """Share of the circle within the frame, in steps of two degrees, that has an outline point on it."""
    visible = _within(circle.at(np.arange(1.0, 360, 2)), shape)
    hit = np.bincount((circle.degrees(circle.on(outline)) / 2).astype(int), minlength=181)[:180] > 0
    return float((hit & visible).sum() / max(visible.sum(), 20))


def _best(splits: list[_Split], sample: _Sample) -> _Split | None:
    """The split whose circle is followed best; an earlier one that is nearly as good comes first."""
    sharp = [split for split in splits if split.followed > _FOLLOWED and _is_sharp(split, sample)]
    most = max((split.followed for split in sharp), default=0.0)
    return next((split for split in sharp if split.followed > most - 0.04), None)


def _is_sharp(split: _Split, sample: _Sample) -> bool:
    """Whether the light ends at the rim, as at a camera's stop, and does not fade, as in a frame without background."""
    inner = cv2.erode(split.region, np.ones((7, 7), np.uint8), borderValue=255)
    outer = cv2.dilate(split.region, np.ones((7, 7), np.uint8))
    ring = cv2.dilate(split.region, np.ones((13, 13), np.uint8))
    core = cv2.erode(inner, np.ones((7, 7), np.uint8), borderValue=255)
    inside, outside = sample.level[(inner > 0) & (core == 0)], sample.level[(ring > 0) & (outer == 0)]
    if not inside.size or not outside.size:
        return False
    return bool(np.median(inside) - np.median(outside) > _SHARP * (np.median(inside) - sample.dark))


def _ragged(splits: list[_Split], sample: _Sample) -> Mask | None:
    """The region of a field that is no circle; None where no background is set off."""
    wide = [split for split in splits if (split.region > 0).mean() > 0.1 and _is_sharp(split, sample)]
    return wide[0].region if wide else None


def _refuse_unlike(sample: _Sample, region: Mask | None, name: str) -> None:
    """Refuse what is neither a circle nor smooth and warm as a retina is."""


def _draw(inner: Circle, cuts: list[Cut], region: Mask, stride: int, shape: tuple[int, ...]) -> Mask:
    """Circle, cuts and tab of the sample -> (H, W) mask."""
    # The outline's pixel centres lie half a pixel inside the rim.
    circle = inner.grown(0.5).scaled(stride, stride // 2)
    mask = np.zeros(shape[:2], np.uint8)
    centre = _fixed(np.array([circle.x, circle.y]))
    cv2.circle(mask, centre.tolist(), round(circle.radius * 2**_FRACTION), 255, cv2.FILLED, cv2.LINE_8, _FRACTION)
    for cut in cuts:
        cv2.fillConvexPoly(mask, _fixed(_beyond(cut, circle)), 0, cv2.LINE_8, _FRACTION)
    for tab in _tabs(inner, region):
        cv2.fillPoly(mask, [_fixed(tab * stride + stride // 2)], 255, cv2.LINE_8, _FRACTION)
    return mask


def _fixed(points: Points) -> npt.NDArray[np.int32]:
    return np.round(points * 2**_FRACTION).astype(np.int32)


def _beyond(cut: Cut, circle: Circle) -> Points:
    """Corners (4, 2) of a rectangle over all of the circle that lies beyond the cut."""
    outward, along = np.array([cut.x, cut.y]), np.array([-cut.y, cut.x])
    steps = [(cut.distance, -2), (cut.distance, 2), (2, 2), (2, -2)]
    return np.array([(circle.x, circle.y) + circle.radius * (s * outward + t * along) for s, t in steps])


def _tabs(circle: Circle, region: Mask) -> list[Points]:
    """Outlines of the small tabs with which cameras mark their pictures' upper side: they show retina too."""
    inside = np.zeros_like(region)
    cv2.circle(inside, _fixed(np.array([circle.x, circle.y])).tolist(), round((circle.radius+TAB) * 2**_FRACTION), 255, cv2.FILLED, cv2.LINE_8, _FRACTION)
    beyond = cv2.morphologyEx(cv2.bitwise_and(region, cv2.bitwise_not(inside)), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(beyond, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    tabs = [contour[:, 0, :].astype(np.float64) for contour in contours]
    return [np.vstack([tab, tab.mean(axis=0)]) for tab in tabs if _is_tab(tab, circle)]
TAB=1.5

def _is_tab(outline: Points, circle: Circle) -> bool:
    return len(outline) > 4 and np.ptp(outline, axis=0).max() < 0.25 * circle.radius and circle.off(outline).max() < 0.15 * circle.radius


def _enlarged(region: Mask, shape: tuple[int, ...]) -> Mask:
    return np.asarray(cv2.resize(region, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST), np.uint8)


def _from_mask(mask: Mask) -> FieldOfView:
    left, top, width, height = cv2.boundingRect(mask)
    return FieldOfView(mask, Box(left, top, width, height))
