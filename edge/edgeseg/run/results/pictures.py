"""Encoding of the result pictures of a photograph."""

from collections.abc import Mapping, Sequence

import numpy as np

from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.measures import Measures
from edgeseg.measures.overlay import draw_measures
from edgeseg.run.options import RunOptions
from edgeseg.segmentation import Segmentation


def encode_picture(
    segmentation: Segmentation,
    part: str,
    suffix: str,
    texts: Mapping[str, str],
    options: RunOptions,
    measured: Sequence[Measures] = (),
) -> bytes:
    """Return one result picture as the bytes of a file.

    Args:
        segmentation: vessels of the photograph.
        part: picture to encode.
        suffix: suffix of the file, `.png` or `.jpg`.
        texts: keys and values to store in the file.
        options: options of the run, for the style of the overlay.
        measured: measurements of the fields of view.
    """
    stored = dict(texts)
    if part == "vessels":
        return encode_png(segmentation.mask, stored)
    if part == "probability":
        return encode_png((segmentation.probability * 65535).round().astype(np.uint16), stored)
    if part == "measures_overlay":
        return encode_png(draw_measures(segmentation.photo, measured), stored)
    overlay = segmentation.overlay(options.overlay_style, options.overlay_opacity)
    return encode_jpeg(overlay, stored) if suffix == ".jpg" else encode_png(overlay, stored)
