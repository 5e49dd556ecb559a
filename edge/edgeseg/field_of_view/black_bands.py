"""Black bands between a photograph and the light margin or frame line around it.

Narrow bands are not visible in the thumbnail, where edges are accurate only to a few pixels of the
photograph. The edge of a band is sharp and long, so that its exact line of pixels can be determined
in the photograph. In contrast, the edge of a round field is blurred, and few pixels of the first
row or column are inside the field.
"""

import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Box, Photo

_MIN_LIGHT = 40  # pixels above this level are light; JPEG brightens the pixels of a band
_MAX_DARK = 15  # maximum median level in the band
_MAX_SPECKS = 0.01  # maximum share of light pixels in a black line
# Minimum share of light pixels in the line after the band. A round field reaches this share after
# 5 lines.
_MIN_CHORD = 0.25
_SAMPLES = 256  # number of examined lines, and of examined pixels per line
_MIN_SIDE = 320  # pixels; in smaller photographs, the first lines of a round field are too long
_NEAR = 6  # number of lines next to the edge of the band


def trim_black_bands(photo: Photo) -> Box:
    """Return the part of a photograph without its black bands.

    Args:
        photo: (H, W, 3) uint8 RGB.
    """
    height, width = photo.shape[:2]
    if min(height, width) < _MIN_SIDE:
        return Box(0, 0, width, height)
    rows = photo[:, :: max(1, width // _SAMPLES)]
    columns = photo[:: max(1, height // _SAMPLES)].transpose(1, 0, 2)
    top, bottom = _band_width(rows), _band_width(rows[::-1])
    left, right = _band_width(columns), _band_width(columns[::-1])
    return Box(left, top, width - left - right, height - top - bottom)


def _band_width(lines: Photo) -> int:
    """Return the number of lines that form a black band.

    Args:
        lines: (N, M, 3) uint8 RGB; the first line is at the frame's edge.
    """
    step = max(1, len(lines) // _SAMPLES)
    coarse = np.flatnonzero(_light_shares(lines[::step]) > _MAX_SPECKS)
    if not len(coarse):
        return 0
    start, end = max(0, (int(coarse[0]) - 1) * step), int(coarse[0]) * step + 1
    shares = _light_shares(lines[start : end + 1])
    edge = int((shares > _MAX_SPECKS).argmax())
    # JPEG may lighten a few pixels of the line next to the photograph.
    if edge + 1 < len(shares) and shares[edge] < shares[edge + 1] / 2:
        edge += 1
    width = start + edge
    chord = lines[width].max(axis=1) > _MIN_LIGHT
    if width == 0 or chord.mean() < _MIN_CHORD:
        return 0
    band = lines[max(0, width - _NEAR) : width, chord].max(axis=2)
    return width if np.median(band) <= _MAX_DARK else 0


def _light_shares(lines: Photo) -> npt.NDArray[np.float64]:
    return np.asarray((lines.max(axis=2) > _MIN_LIGHT).mean(axis=1))
