"""Photograph -> field of view: the part of the frame in which the camera saw the retina.

Searched on a sample of a few hundred pixels: split off the dark background at several levels, fit a rim to each
outline, keep the one that is followed best, find where the camera cut it straight, draw it at full size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg import rim as rims
from edgeseg import straight_cuts
from edgeseg.arrays import Box, Mask, Photo
from edgeseg.errors import PhotographError
from edgeseg.rim import Points, Rim
from edgeseg.straight_cuts import Cut

FovMethod: TypeAlias = Literal["found", "grey10", "none"]

_SAMPLE = 400  # pixels of the longer side, at least, unless the photograph is smaller
_SMALL = 256  # a smaller photograph is enlarged, lest the smoothing eat it
_BLACK = 0.4  # of the light on the retina, at most, counts as background
_ROUND = 0.95  # of the visible rim and of the outline: no other split is tried
# Where to split, as a share of the way from background to retina. The preferred one first: it agrees best with the
# published masks of DRIVE and HRF; lower ones keep a dark rim, higher ones leave out the glow around STARE's circles.
_SHARES = (0.18, 0.1, 0.25, 0.35, 0.5, 0.05)
_FOLLOWED = 0.4  # of the visible rim, at least; ragged outlines reach 0.2
_SHARP = 0.4  # of the light at the rim, at least, is gone just outside; vignetting loses 0.2
_SET_OFF = 0.5  # of the light inside a ragged edge, at least, is gone just outside
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
    """A small version: colour, brightest channel without specks, and its level on background and retina.

    Its point p lies at p * factor + shift of the photograph.
    """

    colour: Photo
    level: Mask
    factor: float
    shift: float
    dark: float
    bright: float


@dataclass(frozen=True)
class _Split:
    """The largest region above one level, its outline within the frame, and the rim that fits it.

    `hits` (180,) tells in which directions the outline lies on the rim, `followed` is their share of the visible ones,
    `following` the share of the outline that lies on the rim.
    """

    region: Mask
    outline: Points
    rim: Rim | None
    hits: npt.NDArray[np.bool_]
    followed: float = 0.0
    following: float = 0.0


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
    if best and best.rim:
        cuts = _cuts(best.rim, splits, sample)
        return _from_mask(_drawn(best, cuts, sample, photo.shape))
    region = _ragged(splits, sample)
    _refuse_unlike(sample, region, name)
    return whole(photo) if region is None else _from_mask(_enlarged(region, photo.shape))


def _sample(photo: Photo) -> _Sample:
    colour, factor, shift = _reduced(photo)
    brightest = np.maximum(np.maximum(colour[:, :, 0], colour[:, :, 1]), colour[:, :, 2])
    level = np.asarray(cv2.medianBlur(brightest, 5), np.uint8)
    dark = float(np.percentile(np.concatenate([level[0], level[-1], level[:, 0], level[:, -1]]), 10))
    lit = level[level > dark + 0.08 * (int(level.max()) - dark)]
    return _Sample(colour, level, factor, shift, dark, float(np.median(lit)) if lit.size else dark)


def _reduced(photo: Photo) -> tuple[Photo, float, float]:
    """Every n-th pixel, or a small photograph enlarged n times; factor and shift of its points."""
    longer = max(photo.shape[:2])
    if longer >= _SMALL:
        stride = max(1, longer // _SAMPLE)
        return photo[stride // 2 :: stride, stride // 2 :: stride], stride, stride // 2
    times = math.ceil(_SMALL / longer)
    large = cv2.resize(photo, None, fx=times, fy=times, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.uint8), 1 / times, 0.5 / times - 0.5


def _refuse_empty(sample: _Sample, name: str) -> None:
    low, high = np.percentile(_cells(sample.colour).reshape(-1, 3), (1, 99), axis=0)
    if high.max() < 10:
        raise PhotographError(f"{name}: holds no fundus, the frame is black.")
    if (high - low).max() < 6:
        raise PhotographError(f"{name}: holds no fundus, the frame is uniform.")


def _splits(sample: _Sample) -> list[_Split]:
    """The sample split at each level; the rest is spared once a rim is followed nearly all the way round."""
    splits: list[_Split] = []
    for share in _SHARES if sample.dark < _BLACK * sample.bright else ():
        split = _split(sample.level, sample.dark + share * (sample.bright - sample.dark))
        if split and min(split.followed, split.following) > _ROUND:
            return [split]
        splits += [split] if split else []
    return splits


def _split(level: Mask, threshold: float) -> _Split | None:
    opened = cv2.morphologyEx((level > threshold).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    region = _largest(opened > 0)
    if region is None:
        return None
    outline = _outline(region)
    longer = max(level.shape)
    rim = rims.fit(outline, 0.1 * longer, 1.5 * longer) if len(outline) > 30 else None
    if rim is None:
        return _Split(region, outline, None, np.zeros(180, bool))
    visible = rims.within(rim.at(rims.DIRECTIONS), level.shape)
    near = rim.near(outline)
    hits = rim.directions(near) & visible
    return _Split(region, outline, rim, hits, hits.sum() / max(visible.sum(), 20), len(near) / len(outline))


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
    return points[rims.within(points, region.shape)]


def _best(splits: list[_Split], sample: _Sample) -> _Split | None:
    """The split whose rim is followed furthest and is one; an earlier one that is nearly as good comes first."""
    good = [split for split in splits if split.followed > _FOLLOWED and _has_rim(split, sample)]
    most = max((split.hits.sum() for split in good), default=0)
    return next((split for split in good if split.hits.sum() > 0.95 * most), None)


def _has_rim(split: _Split, sample: _Sample) -> bool:
    if split.rim is None:
        return False
    at, reach = rims.DIRECTIONS[split.hits], _reach(split.rim)
    return _ends(sample, split.rim.grown(-reach).at(at), split.rim.grown(reach).at(at))


def _cuts(rim: Rim, splits: list[_Split], sample: _Sample) -> list[Cut]:
    cuts = straight_cuts.fit([split.outline for split in splits], rim)
    reach = _reach(rim)
    return [cut for cut in cuts if _ends(sample, cut.chord(rim, -reach), cut.chord(rim, reach))]


def _reach(rim: Rim) -> float:
    """How far inside and outside the rim to compare the light, pixels."""
    return max(3.0, 0.02 * rim.radius)


def _ends(sample: _Sample, inner: Points, outer: Points) -> bool:
    """Whether the light ends between, as at a camera's stop, instead of fading, as in a frame without background."""
    inside, outside = _levels(sample.level, inner), _levels(sample.level, outer)
    return bool(np.median((inside - outside) / np.maximum(inside - sample.dark, 1)) > _SHARP)


def _levels(level: Mask, points: Points) -> npt.NDArray[np.float64]:
    x, y = np.round(points).astype(int).T
    return np.asarray(level[np.clip(y, 0, level.shape[0] - 1), np.clip(x, 0, level.shape[1] - 1)], np.float64)


def _ragged(splits: list[_Split], sample: _Sample) -> Mask | None:
    """The hull of a field that is not round; None where no background is set off."""
    region = next((s.region for s in splits if (s.region > 0).mean() > 0.1 and _is_set_off(s.region, sample)), None)
    if region is None:
        return None
    hull = cv2.convexHull(cv2.findNonZero(region))
    return np.asarray(cv2.fillConvexPoly(np.zeros_like(region), hull, 255), np.uint8)


def _is_set_off(region: Mask, sample: _Sample) -> bool:
    """Whether most of the light inside the region's edge is gone just outside it."""
    step = np.ones((7, 7), np.uint8)
    inner, outer = cv2.erode(region, step, borderValue=255), cv2.dilate(region, step)
    core, halo = cv2.erode(inner, step, borderValue=255), cv2.dilate(outer, step)
    inside, outside = sample.level[inner != core], sample.level[halo != outer]
    return bool(inside.size and outside.size and np.median(outside) < (1 - _SET_OFF) * np.median(inside))


def _refuse_unlike(sample: _Sample, region: Mask | None, name: str) -> None:
    """Refuse what is neither round nor as smooth and warm as a retina.

    In the middle of the shared photographs roughness (mean Laplacian on 64x64 cells) is at most 0.14 of the light and 0.9
    of its spread, and blue never leads; a portrait has 0.5 of the light, text and noise 1.1 to 3.5 of the spread.
    """
    left, top, width, height = cv2.boundingRect(np.ones_like(sample.level) if region is None else region)
    cells = _cells(sample.colour[top : top + height, left : left + width]).astype(np.float32)
    light = cells.mean(axis=2)
    rough = float(np.abs(cv2.Laplacian(light, cv2.CV_32F)).mean())
    if rough > 0.25 * light.mean() or rough > max(1.05 * light.std(), 0.02 * light.mean()):
        raise PhotographError(f"{name}: holds no fundus, neither a round field nor a smooth one.")
    if np.median(cells, axis=(0, 1)).min() > 225:
        raise PhotographError(f"{name}: holds no fundus, the frame is white.")
    if (cells[:, :, 2] > cells[:, :, 0] + 10).mean() > 0.3:
        raise PhotographError(f"{name}: holds no fundus, much of the frame is blue.")


def _cells(colour: Photo) -> Photo:
    """(H, W, 3) -> (64, 64, 3) means."""
    return np.asarray(cv2.resize(np.ascontiguousarray(colour), (64, 64), interpolation=cv2.INTER_AREA), np.uint8)


def _drawn(split: _Split, cuts: list[Cut], sample: _Sample, shape: tuple[int, ...]) -> Mask:
    """Rim, cuts and tabs of the sample -> (H, W) mask."""
    mask = np.zeros(shape[:2], np.uint8)
    if split.rim is None:
        return mask
    # The outline's pixel centres lie half a sample pixel inside; OpenCV draws half a pixel more than the polygon.
    rim = split.rim.grown(0.5).scaled(sample.factor, sample.shift).grown(-0.5)
    _fill(mask, rim.at(np.arange(0.0, 360.0, 0.5)), 255)
    for tab in _tabs(split.rim, split.region):
        _fill(mask, tab * sample.factor + sample.shift, 255)
    for cut in cuts:
        _fill(mask, cut.beyond(split.rim) * sample.factor + sample.shift, 0)
    return mask


def _fill(mask: Mask, polygon: Points, value: int) -> None:
    fixed = np.round(polygon * 2**_FRACTION).astype(np.int32)
    cv2.fillPoly(mask, [fixed], value, cv2.LINE_8, _FRACTION)


def _tabs(rim: Rim, region: Mask) -> list[Points]:
    """Outlines of the small tabs by which cameras mark a picture's upper side: they show retina too."""
    beyond = region.copy()
    _fill(beyond, rim.at(np.arange(0.0, 360.0, 2.0)), 0)
    beyond = cv2.morphologyEx(beyond, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(beyond, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outlines = [contour[:, 0, :].astype(np.float64) for contour in contours]
    return [outline for outline in outlines if _is_tab(outline, rim)]


def _is_tab(outline: Points, rim: Rim) -> bool:
    size, off = np.ptp(outline, axis=0).max(), rim.off(outline)
    return bool(size < 0.25 * rim.radius and 0.02 * rim.radius < off.max() < 0.15 * rim.radius)


def _enlarged(region: Mask, shape: tuple[int, ...]) -> Mask:
    return np.asarray(cv2.resize(region, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST), np.uint8)


def _from_mask(mask: Mask) -> FieldOfView:
    left, top, width, height = cv2.boundingRect(mask)
    return FieldOfView(mask, Box(left, top, width, height))
