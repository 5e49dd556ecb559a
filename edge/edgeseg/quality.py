"""Image quality of one field of view: focus, light, colour, and visible share of the retina.

The quality is measured on a reduced copy, in which the field of view is 256 pixels wide, in one or
two milliseconds. Each threshold is between the values of the original photographs of DRIVE, STARE,
CHASE_DB1, HRF and FIVES and the values of degraded copies (tests/edge/test_quality.py):

| measure | originals, all 143 | degraded versions | ungradable |
|---|---|---|---|
| focus | at least 0.298 | blur, sigma 2 % of the diameter: up to 0.165 | below 0.23, `blurred` |
| detail | at least 0.016 | noise in an empty field: up to 0.01 | up to 0.01, `blurred` |
| coarser focus | at least 0.325 | sigma 4 %, as MPEG-4: up to 0.22 | below 0.23, `blurred` |
| brightness | at least 88 | multiplied by 0.2: up to 51 | below 60, `dark` |
| field | at least 0.82 | cropped to 40 % of the retina: up to 0.41 | below 0.6, `cropped` |
| overexposed | up to 0.01 | four times the light: 0.04 to 1 | above 0.25, `overexposed` |
| detail | at least 0.016 | grey veil, 30 % of the contrast: up to 0.017 | below 0.0145, and |
| contrast | at least 0.069 | grey veil: 0.03 to 0.07, up to 0.11 | below 0.065, `hazy` |
| veil | up to 0.45 | grey veil, 30 and 40 % of the contrast: 0.52 and more | above 0.5, `hazy` |
| chroma | at least 0.52 | grey, local mean subtracted: up to 0.17 | below 0.2, see below |
| red - green | at least 0.27 | red swapped, negative: up to -0.13 | below 0, `unusual_colours` |
| red - blue | at least 0.53 | red and blue swapped: up to -0.59 | below 0, `unusual_colours` |
| green - blue | at least 0.06 | swapped: up to -0.13 | below -0.08, `unusual_colours` |
| polarity | at least 0.13 | negative, angiogram: up to -0.10 | below -0.09, `unusual_colours` |

A field of low chroma is `not_a_colour_photograph`: an angiogram or a locally averaged copy. For a
red-free or grey copy, this code is only a warning. Such a copy has no colour (saturation below
0.03;
locally averaged copies: at least 0.06) and dark vessels (polarity above 0.08). The Dice of such a
copy is 0.02 to 0.05 lower than that of the colour photograph. Chroma is the range of the channels'
medians. Chroma and the differences of channels are relative to the largest median. An overexposed
field is not `blurred`. A field is `small` if the illuminated retina has a diameter of less than 200
pixels, and also `cropped` if no part of its edge is in the frame.
"""

import math
from typing import Literal, NamedTuple, TypeAlias

import cv2
import numpy as np

from edgeseg.errors import PhotoError
from edgeseg.field_of_view.detect import FieldOfView, detect_fov
from edgeseg.field_of_view.methods import FovMethod
from edgeseg.field_of_view.rim import fit_rim
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.focus import measure_focus
from edgeseg.imaging.levels import LevelCounts, count_levels, mean_and_deviation, median, percentile
from edgeseg.imaging.line_polarity import measure_line_polarity

Reason: TypeAlias = Literal[
    "no_fundus",
    "blurred",
    "dark",
    "overexposed",
    "hazy",
    "small",
    "cropped",
    "unusual_colours",
    "not_a_colour_photograph",
]

MIN_FOCUS = 0.23
MIN_BRIGHTNESS = 60.0
MAX_OVEREXPOSED = 0.25
MIN_DETAIL, MIN_CONTRAST = 0.0145, 0.065
MIN_DIAMETER = 200.0
MAX_VEIL = 0.5
MIN_CHROMA = 0.2
MAX_GREY_SATURATION = 0.03
MIN_GREY_POLARITY, MIN_POLARITY = 0.08, -0.09
MAX_BLUE_EXCESS = 0.08
MIN_FIELD = 0.6

_SIZE = 256  # longer side of the reduced copy in pixels
_RIM_WIDTH = 8  # excluded pixels along the edge, which is sharp even in a blurred field
_LIT_SHARE = 0.15  # share of the 75th percentile of the brightness: darker pixels show no retina
_MIN_LIGHT = 16  # minimum of the largest median; the colour of a darker field is noise
_WHITE = 250  # lowest value of the green channel of an overexposed pixel


class FrameQuality(NamedTuple):
    """Image quality of one field of view.

    Attributes:
        focus: contrast of fine detail in the green channel (1 to 2 pixels of the reduced copy)
            relative to that of coarser detail (2 to 6 pixels). Blur lowers this ratio. The
            brightness does not affect it. The value is the minimum of this ratio and the same ratio
            for coarser detail (2 to 4 and 6 to 14 pixels), because a video codec adds fine edges to
            a blurred frame. 0 if there is only sensor noise, as in an empty field; None without a
            fundus.
        brightness: mean of the brightest channel in the field of view, 0 to 255; None without a
            fundus.
        retina: share of the frame that is illuminated retina, 0 to 1; not used for the reasons.
        field: share of the round field of view that is illuminated and in the frame, 0 to 1; None
            if no part of its edge is in the frame.
        diameter_px: diameter in pixels of a disc with as many pixels as the illuminated retina.
        detail: standard deviation of the detail of 2 to 6 pixels of the reduced copy in the green
            channel, relative to the mean of this channel.
        contrast: standard deviation of the green channel relative to its mean.
        overexposed: share of the field whose green channel is at least 250.
        colour: median of the red, green and blue channel, 0 to 255.
        veil: 5th percentile of the darkest channel relative to the mean of the brightest; haze
            lightens the darkest.
        saturation: mean range of a pixel's channels, relative to the mean of the brightest.
        polarity: strength of dark lines minus that of bright lines, relative to their sum, -1 to 1.
    """

    focus: float | None
    brightness: float | None
    retina: float
    field: float | None
    diameter_px: float = 0.0
    detail: float | None = None
    contrast: float | None = None
    overexposed: float | None = None
    colour: tuple[float, float, float] | None = None
    veil: float | None = None
    saturation: float | None = None
    polarity: float | None = None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Reasons why the field is ungradable; empty if it is gradable."""
        if self.focus is None or self.brightness is None:
            return ("no_fundus",)
        is_overexposed = (self.overexposed or 0) > MAX_OVEREXPOSED
        checks: dict[Reason, bool] = {
            "blurred": self.focus < MIN_FOCUS and not is_overexposed,
            "dark": self.brightness < MIN_BRIGHTNESS,
            "overexposed": is_overexposed,
            "hazy": self._is_hazy and not is_overexposed,
            "small": self.diameter_px < MIN_DIAMETER,
            "cropped": self.field is None or self.field < MIN_FIELD,
            "unusual_colours": self._has_unusual_colours,
            "not_a_colour_photograph": self._is_grey and not self._is_red_free,
        }
        return tuple(reason for reason, failed in checks.items() if failed)

    @property
    def warnings(self) -> tuple[Reason, ...]:
        """Codes of problems that reduce the reliability of the segmentation of a gradable field."""
        return ("not_a_colour_photograph",) if self._is_red_free else ()

    @property
    def ungradable(self) -> bool:
        """True if the quality is too low for a reliable segmentation."""
        return bool(self.reasons)

    @property
    def _is_hazy(self) -> bool:
        if self.detail is None or self.contrast is None:
            return False
        has_veil = self.veil is not None and self.veil > MAX_VEIL and not self._is_grey
        return has_veil or (self.detail < MIN_DETAIL and self.contrast < MIN_CONTRAST)

    @property
    def _is_grey(self) -> bool:
        if self.colour is None or max(self.colour) < _MIN_LIGHT:
            return False
        return max(self.colour) - min(self.colour) < MIN_CHROMA * max(self.colour)

    @property
    def _is_red_free(self) -> bool:
        """True for a field without any colour whose vessels are dark."""
        if self.saturation is None or self.polarity is None or not self._is_grey:
            return False
        return self.saturation < MAX_GREY_SATURATION and self.polarity > MIN_GREY_POLARITY

    @property
    def _has_unusual_colours(self) -> bool:
        """False if vessels are dark, red is brightest, and blue at most slightly above green."""
        if self.colour is None or self._is_grey or max(self.colour) < _MIN_LIGHT:
            return False
        is_sharp = self.focus is not None and self.focus >= MIN_FOCUS  # or no line is measured
        if is_sharp and self.polarity is not None and self.polarity < MIN_POLARITY:
            return True
        red, green, blue = self.colour
        return red < green or red < blue or green - blue < -MAX_BLUE_EXCESS * max(self.colour)

    def to_dict(self) -> dict[str, object]:
        """Return the JSON object."""
        red, green, blue = self.colour or (None, None, None)
        return {
            "ungradable": self.ungradable,
            "reasons": list(self.reasons),
            "focus": _round(self.focus, 3),
            "brightness": _round(self.brightness, 1),
            "retina": round(self.retina, 3),
            "field": _round(self.field, 3),
            "diameter_px": round(self.diameter_px, 1),
            "detail": _round(self.detail, 4),
            "contrast": _round(self.contrast, 3),
            "overexposed": _round(self.overexposed, 3),
            "veil": _round(self.veil, 3),
            "saturation": _round(self.saturation, 3),
            "polarity": _round(self.polarity, 3),
            "median_red": red,
            "median_green": green,
            "median_blue": blue,
        }


NO_FUNDUS = FrameQuality(None, None, 0.0, None)
"""Quality of a frame without a field of view."""


def assess_for_model(photo: Photo, fov: FieldOfView, method: FovMethod) -> FrameQuality:
    """Assess a field of view. If the model uses the whole frame, detect the field first.

    Args:
        photo: (H, W, 3) uint8 RGB.
        fov: field of view by the model's method.
        method: detection method of the model.
    """
    if method == "found":
        return assess_quality(photo, fov)
    try:
        return assess_quality(photo, detect_fov(photo))
    except PhotoError:
        return NO_FUNDUS


def assess_quality(photo: Photo, fov: FieldOfView) -> FrameQuality:
    """Measure the image quality of a field of view.

    Args:
        photo: (H, W, 3) uint8 RGB.
        fov: field of view of the photograph.
    """
    crop = _shrink(photo[fov.box.rows, fov.box.columns])
    height, width = crop.shape[:2]
    box_mask = fov.mask[fov.box.rows, fov.box.columns]
    resized = cv2.resize(box_mask, (width, height), interpolation=cv2.INTER_NEAREST)
    inside = np.asarray(resized, np.uint8)
    channels = [np.asarray(channel, np.uint8) for channel in cv2.split(crop)]
    brightest = np.maximum(np.maximum(channels[0], channels[1]), channels[2])
    light = count_levels(brightest, inside)
    retina_pixels = cv2.countNonZero(fov.mask) * _lit_share(light)
    rim = fov.rim or fit_rim(fov.mask)
    core = _select_core(inside)
    histograms = [count_levels(channel, core) for channel in channels]
    red, green, blue = (median(histogram) for histogram in histograms)
    mean, deviation = mean_and_deviation(histograms[1])
    focus, detail = measure_focus(channels[1], inside, core, mean)
    darkest = np.minimum(np.minimum(channels[0], channels[1]), channels[2])
    veil, saturation = _measure_saturation(
        count_levels(brightest, core), count_levels(darkest, core)
    )
    return FrameQuality(
        focus=focus,
        brightness=mean_and_deviation(light)[0],
        retina=retina_pixels / fov.mask.size,
        field=None if rim is None else min(1.0, retina_pixels / (math.pi * rim.radius**2)),
        diameter_px=2 * math.sqrt(retina_pixels / math.pi),
        detail=detail / max(mean, 1.0),
        contrast=deviation / max(mean, 1.0),
        overexposed=float(histograms[1][_WHITE:].sum() / histograms[1].sum()),
        colour=(red, green, blue),
        veil=veil,
        saturation=saturation,
        polarity=measure_line_polarity(channels[1], core),
    )


def _lit_share(light: LevelCounts) -> float:
    """Return the share of pixels that show retina, from their histogram."""
    if not light.any():
        return 0.0
    limit = _LIT_SHARE * percentile(light, 75)
    return float(light[math.floor(limit) + 1 :].sum() / light.sum())


def _measure_saturation(brightest: LevelCounts, darkest: LevelCounts) -> tuple[float, float]:
    """Return the veil and the saturation, from histograms of the brightest and darkest channel."""
    light = max(1.0, mean_and_deviation(brightest)[0])
    return percentile(darkest, 5) / light, 1 - mean_and_deviation(darkest)[0] / light


def _select_core(inside: Mask) -> Mask:
    """Return the field without its edge, or the whole field if nothing would be left."""
    kernel = np.ones((2 * _RIM_WIDTH + 1, 2 * _RIM_WIDTH + 1), np.uint8)
    core = cv2.erode(inside, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(core, np.uint8) if cv2.countNonZero(core) else inside


def _shrink(photo: Photo) -> Photo:
    """Reduce a photograph to `_SIZE` by area averaging.

    An integer factor is applied first, because OpenCV is faster with integer factors.
    """
    factor = max(photo.shape[:2]) // _SIZE
    height, width = photo.shape[0] // max(1, factor), photo.shape[1] // max(1, factor)
    if factor > 1 and min(height, width) > 0:
        step = (
            1 if factor < 8 or factor % 2 else 2
        )  # half of the rows is sufficient for large blocks
        photo = _resize(photo[: height * factor : step, : width * factor], width, height)
    scale = _SIZE / max(photo.shape[:2])
    return _resize(photo, round(photo.shape[1] * scale), round(photo.shape[0] * scale))


def _resize(photo: Photo, width: int, height: int) -> Photo:
    method = cv2.INTER_AREA if width < photo.shape[1] else cv2.INTER_LINEAR
    return np.asarray(
        cv2.resize(photo, (max(1, width), max(1, height)), interpolation=method), np.uint8
    )


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
