"""Measures of the image quality of one field of view, and the limits of a gradable field.

Most thresholds are between the values of the original photographs of DRIVE, STARE, CHASE_DB1, HRF
and FIVES and the values of degraded copies (tests/edge/quality):

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

A field of low chroma has the code `not_a_colour_photograph`. Examples are angiograms and copies
from which the local mean was subtracted. For a red-free or grey copy of a colour photograph, this
code is only a warning. A field is recognized as such a copy if its saturation is below 0.03 and its
polarity is above 0.08. (The saturation of copies without the local mean is at least 0.06.) The Dice
of a red-free or grey copy is 0.02 to 0.05 lower than the Dice of the colour photograph. Chroma is
the range of the channels' medians. Chroma and the differences between channels are relative to the
largest median. An overexposed field is never reported as `blurred`. A field is `small` if the
illuminated retina has a diameter of less than 200 pixels. A field is also `cropped` if no part of
its edge is in the frame. Haze in the mean colour of the retina is recognized only if it leaves
little contrast: in four of five copies with 20 % of the contrast. A stricter limit would reject
photographs of newborns, whose vessels have little contrast but are segmented well.
"""

from typing import Literal, NamedTuple, TypeAlias

QualityReason: TypeAlias = Literal[
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

_MIN_LIGHT = 16  # minimum of the largest channel median; in a darker field, the colour is noise


class FrameQuality(NamedTuple):
    """Image quality of one field of view.

    Attributes:
        focus: ratio of the contrast of fine detail (1 to 2 pixels of the reduced copy) to the
            contrast of coarser detail (2 to 6 pixels) in the green channel. Blur lowers this ratio,
            and the brightness does not affect the ratio. A video codec adds fine edges to a blurred
            frame. Therefore the same ratio is computed for coarser detail (2 to 4 and 6 to 14
            pixels), and `focus` is the minimum of the two. The value is 0 if the field contains
            only sensor noise, and None if no fundus was detected.
        brightness: mean of the brightest channel in the field of view, 0 to 255; None if no fundus
            was detected.
        retina: share of the frame that is illuminated retina, 0 to 1; does not affect `reasons`.
        field: share of the round field of view that is illuminated and in the frame, 0 to 1; None
            if no part of the field's edge is in the frame.
        diameter_px: diameter in pixels of a disc that has the area of the illuminated retina.
        detail: standard deviation of details of 2 to 6 pixels of the reduced copy, relative to the
            mean. Both are computed in the green channel.
        contrast: standard deviation of the green channel relative to its mean.
        overexposed: share of the field's pixels with a green level of at least 250.
        colour: median of the red, green and blue channel, 0 to 255.
        veil: 5th percentile of the darkest channel relative to the mean of the brightest channel.
            Haze brightens the darkest channel.
        saturation: mean difference between a pixel's brightest and darkest channel, relative to the
            mean of the brightest channel.
        polarity: strength of dark lines minus strength of bright lines, divided by the sum of both,
            -1 to 1.
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
    def reasons(self) -> tuple[QualityReason, ...]:
        """Reasons why the field is ungradable; empty if it is gradable."""
        if self.focus is None or self.brightness is None:
            return ("no_fundus",)
        is_overexposed = (self.overexposed or 0) > MAX_OVEREXPOSED
        checks: dict[QualityReason, bool] = {
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
    def warnings(self) -> tuple[QualityReason, ...]:
        """Problems that make the segmentation of a gradable field less reliable."""
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
        """True if the field is grey and its vessels are dark."""
        if self.saturation is None or self.polarity is None or not self._is_grey:
            return False
        return self.saturation < MAX_GREY_SATURATION and self.polarity > MIN_GREY_POLARITY

    @property
    def _has_unusual_colours(self) -> bool:
        """True if vessels are bright, or the order of the channels' levels is implausible."""
        if self.colour is None or self._is_grey or max(self.colour) < _MIN_LIGHT:
            return False
        is_sharp = self.focus is not None and self.focus >= MIN_FOCUS  # otherwise no lines visible
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


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
