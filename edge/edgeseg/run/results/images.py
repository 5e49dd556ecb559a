"""Encoding of the result images of a photograph."""

from collections.abc import Mapping, Sequence

import numpy as np

from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.imaging.overlay import draw_overlay
from edgeseg.measures import Measures
from edgeseg.measures.overlay import draw_measures
from edgeseg.run.options import RunOptions
from edgeseg.segmentation import Segmentation


def encode_image(
    segmentation: Segmentation,
    part: str,
    suffix: str,
    texts: Mapping[str, str],
    options: RunOptions,
    measured: Sequence[Measures] = (),
    in_place: bool = False,
) -> bytes:
    """Return one result image as the bytes of a file.

    Args:
        segmentation: vessels of the photograph.
        part: image to encode.
        suffix: suffix of the file, `.png` or `.jpg`.
        texts: keys and values to store in the file.
        options: options of the run, for the style of the overlay.
        measured: measurements of the fields of view.
        in_place: whether to draw the overlay on the photograph itself.
    """
    stored = dict(texts)
    if part == "vessels":
        return encode_png(segmentation.mask, stored)
    if part == "probability":
        return encode_png((segmentation.probability * 65535).round().astype(np.uint16), stored)
    if part == "measures_overlay":
        return encode_png(draw_measures(segmentation.photo, measured), stored)
    overlay = draw_run_overlay(segmentation, options, in_place)
    return encode_jpeg(overlay, stored) if suffix == ".jpg" else encode_png(overlay, stored)


def draw_run_overlay(
    segmentation: Segmentation, options: RunOptions, in_place: bool = False
) -> Photo:
    """Return the overlay with the options of a run, (H, W, 3) uint8 RGB.

    Args:
        segmentation: vessels of the photograph.
        options: options of the run.
        in_place: whether to draw on the photograph itself instead of a copy.
    """
    return draw_overlay(
        segmentation.photo,
        segmentation.mask,
        opacity=options.overlay_opacity,
        style=options.overlay_style,
        in_place=in_place,
    )
