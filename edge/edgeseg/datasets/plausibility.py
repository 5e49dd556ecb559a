"""Plausibility checks of vessel masks and fields of view.

All masks of DRIVE, STARE, CHASE_DB1, HRF and FIVES are far from the limits: vessels cover 5 to 17 %
of the field of view and are 1.6 to 16 grey levels darker than their surroundings.
"""

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.datasets.mask_values import MaskValues
from edgeseg.imaging.arrays import Mask, Photo, row_bands
from edgeseg.imaging.levels import count_levels, mean_and_deviation
from edgeseg.imaging.photo import MASK_THRESHOLD

_MAX_GREY_SHARE = 0.25
_MAX_VESSEL_SHARE = 0.4
_ALL_WHITE_SHARE = 0.99
_MAX_BRIGHTER = 0.5  # maximum grey levels by which vessels are brighter than their surroundings
_MIN_COLOUR = 8.0  # minimum difference between the channels of a colour photograph
_MIN_BAND_ROWS = 128
_SURROUNDINGS = 40  # surroundings of a pixel: a square of 1/40 of the photograph's width
_MIN_FIELD_SHARE = 0.02
_MIN_VESSELS_IN_FIELD = 0.5
_MIN_OUTSIDE_SHARE = 0.005
_DARK = 1 / 8  # pixels below this share of the brightest pixels are outside the retina


def check_vessels(values: MaskValues, photo: Photo, fov: Mask | None, transparent: bool) -> str:
    """Check whether a vessel mask is plausible for a photograph.

    In a photograph without colour, vessels may be bright (fluorescein angiography). In this case,
    only the share of vessel pixels is checked.

    Args:
        values: decoded mask file.
        photo: (H, W, 3) uint8 RGB.
        fov: (H, W) uint8 {0, 255}, published field of view; None if it is not published.
        transparent: whether the mask file has a transparency channel.

    Returns:
        Problem and remedy; empty if the mask is plausible.
    """
    if not values.marked.any():
        return _describe_empty(values, transparent)
    if values.grey_share > _MAX_GREY_SHARE:
        return (
            f"not a mask ({values.grey_share:.0%} of its pixels are grey or coloured, as in a "
            "photograph). Save vessels as 255 on 0."
        )
    field = _illuminated(photo) if fov is None else fov
    if values.ignored is not None:
        field = np.asarray(cv2.subtract(field, values.ignored), np.uint8)
    vessels = np.asarray(cv2.bitwise_and(values.marked, field), np.uint8)
    share = cv2.countNonZero(vessels) / max(1, cv2.countNonZero(field))
    if share > _ALL_WHITE_SHARE:
        return "the whole field of view is white. Correct the mask or remove the pair."
    if share > _MAX_VESSEL_SHARE:
        return (
            f"{share:.0%} of the field of view is white (5 to 20 % is usual). The vessels seem to "
            "be black. Invert the mask: vessels must be 255 and all other pixels 0."
        )
    brighter = _brightness_over_surroundings(photo, vessels, field)
    if brighter > _MAX_BRIGHTER:
        return (
            f"the vessels are {brighter:.1f} grey levels brighter than their surroundings in the "
            "photograph, but should be darker. Correct the mask or remove the pair."
        )
    return ""


def check_field(fov: Mask, photo: Photo, vessels: Mask) -> str:
    """Check whether a field of view is plausible for a photograph.

    Args:
        fov: (H, W) uint8 {0, 255}, published field of view.
        photo: (H, W, 3) uint8 RGB.
        vessels: (H, W) uint8 {0, 255}, manual vessel mask.

    Returns:
        Problem and remedy; empty if the field of view is plausible.
    """
    # In an empty field of view, no pixel would be counted, and every score would be 1.
    if not fov.any():
        return "the field of view is empty. Correct or remove the file."
    share = cv2.countNonZero(fov) / fov.size
    if share < _MIN_FIELD_SHARE:
        return (
            f"the field of view covers {share:.2%} of the photograph. Correct or remove the file."
        )
    if 1 - share > _MIN_OUTSIDE_SHARE and _is_darker(photo, fov):
        return (
            "the field of view is darker than the rest of the photograph and seems to be inverted. "
            "Invert the file: the inside must be 255 and the outside 0."
        )
    in_field = cv2.countNonZero(cv2.bitwise_and(vessels, fov)) / max(1, cv2.countNonZero(vessels))
    if in_field < _MIN_VESSELS_IN_FIELD:
        return (
            f"only {in_field:.0%} of the vessels are in the field of view. "
            "Correct or remove the file."
        )
    return ""


def _is_darker(photo: Photo, fov: Mask) -> bool:
    """Return whether the field of view is darker than the rest of the photograph."""
    brightness: Mask = photo.max(axis=2)
    everywhere, inside = count_levels(brightness), count_levels(brightness, fov)
    return mean_and_deviation(inside)[0] < mean_and_deviation(everywhere - inside)[0]


def _describe_empty(values: MaskValues, transparent: bool) -> str:
    if values.brightest:
        return (
            f"no vessel is marked (the brightest value is {values.brightest}; vessels must be "
            f"brighter than {MASK_THRESHOLD}). Save vessels as 255 on 0."
        )
    if transparent:
        return (
            "the mask is black (no vessel). Vessels may be drawn in black on a transparent "
            "background. Save vessels as 255 on 0."
        )
    return "the mask is black (no vessel). Correct the mask or remove the pair."


def _illuminated(photo: Photo) -> Mask:
    """Return the pixels inside the retina. In a very dark photograph, these are all pixels.

    The result is (H, W) uint8 {0, 255}.
    """
    brightness: Mask = photo.max(axis=2)
    bright = np.percentile(brightness[::4, ::4], 99)
    cv2.threshold(brightness, float(bright) * _DARK, 255, cv2.THRESH_BINARY, dst=brightness)
    if cv2.countNonZero(brightness) / brightness.size <= _MIN_FIELD_SHARE:
        brightness[:] = 255
    return brightness


def _brightness_over_surroundings(photo: Photo, vessels: Mask, field: Mask) -> float:
    """Return the difference in green between vessels and surroundings; 0 for a grey photograph.

    The difference is computed in bands of rows, which limits the memory.
    """
    sample = photo[::8, ::8].astype(np.int16)
    if not vessels.any() or np.ptp(sample, axis=2).mean() < _MIN_COLOUR:
        return 0.0
    side = max(9, photo.shape[1] // _SURROUNDINGS)
    differences: list[npt.NDArray[np.float32]] = []
    for rows in row_bands(len(photo), max(_MIN_BAND_ROWS, side)):
        top = max(0, rows.start - side)
        part = slice(top, rows.stop + side)
        weight = (field[part] != 0).astype(np.float32)
        green = photo[part, :, 1] * weight
        mean, share = cv2.blur(green, (side, side)), cv2.blur(weight, (side, side))
        mean /= np.maximum(share, 1e-3, out=share)
        green -= mean
        inner = slice(rows.start - top, rows.stop - top)
        differences.append(green[inner][vessels[rows] != 0])
    return float(np.concatenate(differences).mean())
