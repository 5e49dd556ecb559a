"""Whether a frame is worth segmenting: focus, brightness, and how much of the retina it shows.

Measured on a small version, the field of view 256 pixels across: a millisecond or two. The thresholds lie between
what the originals of DRIVE, STARE, CHASE_DB1, HRF and FIVES reach and what is left of them when they are spoilt
(tests/edge/test_quality.py):

| figure | originals, all 143 | spoilt | ungradable |
|---|---|---|---|
| focus | 0.298 and more | blurred, sigma 2% of the field's diameter: 0.165 at most | below 0.23, `blurred` |
| coarser detail, of the light | 0.016 and more | an empty field with noise: 0.01 at most | below 0.01, `blurred` |
| coarser focus | 0.325 and more | sigma 4% and more, encoded as MPEG-4: 0.22 at most | below 0.23, `blurred` |
| brightness | 88 and more | times 0.2: 51 at most | below 60, `dark` |
| retina | 0.64 and more | all but 40% of the retina blackened: 0.34 at most | below 0.35, `small` |
| field | 0.82 and more | cropped to 40% of the retina: 0.41 at most | below 0.6, or no rim in the frame, `cropped` |
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.errors import PhotoError
from edgeseg.field_of_view.detect import FieldOfView, detect_fov
from edgeseg.field_of_view.ellipse import FovEllipse, fit_ellipse, points_inside_frame
from edgeseg.field_of_view.percentile import percentile
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.preprocessing.config import FovMethod

Reason: TypeAlias = Literal["no_fundus", "blurred", "dark", "small", "cropped"]

LEAST_FOCUS = 0.23
LEAST_BRIGHTNESS = 60.0
LEAST_RETINA = 0.35
LEAST_FIELD = 0.6

_SIZE = 256  # pixels that the longer side of the field's box is brought to
_RIM_PIXELS = 8  # left out along the rim, whose edge is sharp in the worst photograph
_LIT = 0.15  # of the field's own light, at least: what is darker shows no retina, but a lid, or nothing
_LEAST_DETAIL = (
    0.01  # of the green channel's light; what is less is noise, whose finest part is the strongest
)
_OUTLINE_SIZE = 400  # pixels of the longer side of the frame, for the rim
_SHORTEST_OUTLINE = 30  # points that tell a rim


class FrameQuality(NamedTuple):
    """What can be seen in a frame.

    Attributes:
        focus: Contrast of the green channel's finest detail (1 to 2 pixels of the small version) to that of coarser
            detail (2 to 6), which a blur leaves and a dim light does not change; or the same of coarser detail (2 to 4
            to 6 to 14), where that is less: a video's codec puts fine edges into what is far out of focus. 0 where
            there is neither, only the sensor's noise, as in an empty field; None without a fundus.
        brightness: Mean of the brightest channel in the field of view, 0 to 255; None without a fundus.
        retina: Share of the frame that is lit retina, 0 to 1.
        field: Share of the round field of view that the frame shows, 0 to 1; None where no rim is in the frame.
    """

    focus: float | None
    brightness: float | None
    retina: float
    field: float | None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it is ungradable; none where it is gradable."""
        if self.focus is None or self.brightness is None:
            return ("no_fundus",)
        found: dict[Reason, bool] = {
            "blurred": self.focus < LEAST_FOCUS,
            "dark": self.brightness < LEAST_BRIGHTNESS,
            "small": self.retina < LEAST_RETINA,
            "cropped": self.field is None or self.field < LEAST_FIELD,
        }
        return tuple(reason for reason, holds in found.items() if holds)

    @property
    def ungradable(self) -> bool:
        """Whether there is a reason not to segment it."""
        return bool(self.reasons)

    def to_dict(self) -> dict[str, object]:
        """As in a result's JSON."""
        return {
            "ungradable": self.ungradable,
            "reasons": list(self.reasons),
            "focus": _rounded(self.focus),
            "brightness": _rounded(self.brightness, 1),
            "retina": round(self.retina, 3),
            "field": _rounded(self.field),
        }


NO_FUNDUS = FrameQuality(None, None, 0.0, None)
"""Of a frame in which no field of view was found."""


def assess_for_model(photo: Photo, fov: FieldOfView, method: FovMethod) -> FrameQuality:
    """Assess a field of view; for a network that sees the whole frame, the field that it shows.

    Args:
        photo: (H, W, 3) uint8 RGB.
        fov: field of view by the model's method.
        method: the model's method.
    """
    if method == "found":
        return assess_quality(photo, fov)
    try:
        return assess_quality(photo, detect_fov(photo))
    except PhotoError:
        return NO_FUNDUS


def assess_quality(photo: Photo, fov: FieldOfView) -> FrameQuality:
    """Photograph (H, W, 3) uint8 RGB and its field of view -> what can be seen in it."""
    part = _small(photo[fov.box.rows, fov.box.columns])
    mask = cv2.resize(
        fov.mask[fov.box.rows, fov.box.columns], part.shape[1::-1], interpolation=cv2.INTER_NEAREST
    )
    inside = np.asarray(mask) > 0
    brightest = np.maximum(
        np.maximum(part[:, :, 0], part[:, :, 1]), part[:, :, 2]
    )  # part.max(axis=2), 8 times as fast
    light = brightest[inside]
    lit = float((light > _LIT * percentile(light, 75)).mean()) if light.any() else 0.0
    shown = cv2.countNonZero(fov.mask) * lit
    rim = fov.rim or _rim_of(fov.mask)
    return FrameQuality(
        focus=_focus(part[:, :, 1], inside),
        brightness=float(light.mean()),
        retina=shown / fov.mask.size,
        field=None if rim is None else min(1.0, shown / (math.pi * rim.radius**2)),
    )


def _small(part: Photo) -> Photo:
    """Area means, by a whole factor first: OpenCV has a fast way for those."""
    whole = max(part.shape[:2]) // _SIZE
    high, wide = part.shape[0] // max(1, whole), part.shape[1] // max(1, whole)
    if whole > 1 and min(high, wide) > 0:
        part = _resized(part[: high * whole, : wide * whole], wide, high)
    scale = _SIZE / max(part.shape[:2])
    return _resized(part, round(part.shape[1] * scale), round(part.shape[0] * scale))


def _resized(photo: Photo, width: int, height: int) -> Photo:
    how = cv2.INTER_AREA if width < photo.shape[1] else cv2.INTER_LINEAR
    return np.asarray(
        cv2.resize(photo, (max(1, width), max(1, height)), interpolation=how), np.uint8
    )


def _focus(green: npt.NDArray[np.uint8], inside: npt.NDArray[np.bool_]) -> float:
    framed = np.pad(inside.astype(np.uint8), 1)
    kernel = np.ones((2 * _RIM_PIXELS + 1, 2 * _RIM_PIXELS + 1), np.uint8)
    core = cv2.erode(framed, kernel)[1:-1, 1:-1] > 0
    if not core.any():
        core = inside
    grey = green.astype(np.float32)
    one, two, six = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (1, 2, 6))
    coarser = float(np.std((two - six)[core]))
    if coarser <= _LEAST_DETAIL * float(grey[core].mean()):
        return 0.0
    return min(float(np.std((one - two)[core])) / coarser, _coarse_focus(grey, inside, core))


def _coarse_focus(
    grey: npt.NDArray[np.float32], inside: npt.NDArray[np.bool_], core: npt.NDArray[np.bool_]
) -> float:
    """The same of detail that no codec makes; at half the size, and averaged within the field: its rim is near."""
    half = max(1, grey.shape[1] // 2), max(1, grey.shape[0] // 2)
    weight = cv2.resize(inside.astype(np.float32), half, interpolation=cv2.INTER_AREA)
    light = cv2.resize(grey * inside, half, interpolation=cv2.INTER_AREA)
    there = cv2.resize(core.astype(np.uint8), half, interpolation=cv2.INTER_NEAREST) > 0
    if not there.any():
        return math.inf
    one, two, three, seven = (
        cv2.GaussianBlur(light, (0, 0), sigma)
        / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)
        for sigma in (1, 2, 3, 7)
    )
    return float(np.std((one - two)[there])) / max(float(np.std((three - seven)[there])), 1e-3)


def _rim_of(mask: Mask) -> FovEllipse | None:
    """The rim of a field that came as a mask alone; None where no rim tells."""
    scale = min(1.0, _OUTLINE_SIZE / max(mask.shape))
    size = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
    small = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(contours, key=len)[:, 0, :].astype(np.float64)
    outline = outline[points_inside_frame(outline, small.shape)]
    if len(outline) < _SHORTEST_OUTLINE:
        return None
    found = fit_ellipse(outline, 0.1 * max(size), 2.0 * max(size))
    return None if found is None else found.scaled(1 / scale, 0)


def _rounded(figure: float | None, digits: int = 3) -> float | None:
    return None if figure is None else round(figure, digits)
