"""Image of the measurements: segments coloured by width, branching points and end points."""

from collections.abc import Sequence

import cv2
import numpy as np

from edgeseg.imaging.arrays import Photo
from edgeseg.measures.measure import Measures
from edgeseg.measures.network import VesselNetwork

# White rings and yellow dots are visible on all colours of the segments.
BRANCHING_POINT, END_POINT, UNKNOWN_WIDTH = (255, 255, 255), (255, 255, 0), (150, 150, 150)

_FRACTION_BITS = 4  # number of fraction bits in OpenCV's fixed-point coordinates
_COLOURS = 32  # number of colours for the segments


def draw_measures(photo: Photo, measured: Sequence[Measures], in_place: bool = False) -> Photo:
    """Draw the measured segments over a darkened photograph.

    The colours range from blue (thinnest segment) to red (widest segment). Segments that are too
    short to measure a width are grey. Branching points are rings, and end points are dots.

    Args:
        photo: (H, W, 3) uint8 RGB.
        measured: measurements of the fields of view.
        in_place: whether to draw on the photograph itself instead of a copy.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    image: Photo = photo if in_place else np.empty_like(photo)
    cv2.convertScaleAbs(photo, image, alpha=0.45)
    for measures in measured:
        if measures.network is not None:
            crop = image[measures.box.rows, measures.box.columns]
            _draw_network(crop, measures.network, measures.fov_diameter_px)
    return image


def _draw_network(image: Photo, network: VesselNetwork, diameter: float) -> None:
    """Draw one field of view in place. The image is cropped to the field."""
    thickness = max(1, round(diameter / 600))
    curves = network.curves
    widths = network.mean_widths()
    known = widths[~np.isnan(widths)]
    low, high = float(known.min(initial=np.inf)), float(known.max(initial=0))
    points = np.rint(curves.points * (1 << _FRACTION_BITS)).astype(np.int32)
    lines = np.split(points, curves.starts)[1:]
    for line, width in zip(lines, widths.tolist(), strict=True):
        colour = UNKNOWN_WIDTH
        if not np.isnan(width):
            colour = _width_colour((width - low) / max(high - low, 1e-9))
        cv2.polylines(image, [line], False, colour, thickness, cv2.LINE_AA, _FRACTION_BITS)
    for point in np.rint(network.branching_points).astype(int).tolist():
        cv2.circle(image, point, 3 * thickness, BRANCHING_POINT, thickness, cv2.LINE_AA)
    for point in np.rint(network.end_points).astype(int).tolist():
        cv2.circle(image, point, 2 * thickness, END_POINT, -1, cv2.LINE_AA)
    if len(known):
        _draw_scale(image, low, high, thickness)


def _width_colour(share: float) -> tuple[int, int, int]:
    """Return the colour of a width, from 0 for the thinnest to 1 for the widest."""
    level = np.full((1, 1), round(share * 255), np.uint8)
    blue, green, red = cv2.applyColorMap(level, cv2.COLORMAP_TURBO)[0, 0].tolist()
    return red, green, blue


def _draw_scale(image: Photo, low: float, high: float, thickness: int) -> None:
    """Draw the colour scale with the widths of the thinnest and the widest segment."""
    width, height = 8 * thickness * _COLOURS // 8, 6 * thickness
    left, top = 4 * thickness, image.shape[0] - 10 * thickness
    for number in range(_COLOURS):
        first = left + number * width // _COLOURS
        last = left + (number + 1) * width // _COLOURS
        colour = _width_colour(number / (_COLOURS - 1))
        cv2.rectangle(image, (first, top), (last, top + height), colour, -1)
    text = f"{low:.1f} to {high:.1f} px"
    origin = (left, top - 3 * thickness)
    cv2.putText(
        image, text, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.4 * thickness, (255, 255, 255),
        thickness, cv2.LINE_AA,
    )  # fmt: skip
