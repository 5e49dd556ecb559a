"""Encoding of the result images of a photograph."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, TypeAlias

from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.imaging.overlay import draw_overlay, overlay_in_place
from edgeseg.measures import Measures
from edgeseg.measures.overlay import draw_measures
from edgeseg.run.options import RunOptions
from edgeseg.segmentation import Segmentation

PhotoUse: TypeAlias = Literal["keep", "restore", "change"]
"""Use of a photograph's memory for drawing.

`keep`: images are drawn on copies. `restore`: an image is drawn on the photograph, which is
restored. `change`: the photograph is not required any more.
"""


def encode_image(
    segmentation: Segmentation,
    part: str,
    suffix: str,
    texts: Mapping[str, str],
    options: RunOptions,
    measured: Sequence[Measures] = (),
    photo_use: PhotoUse = "keep",
) -> bytes:
    """Return one result image as the bytes of a file.

    Args:
        segmentation: vessels of the photograph.
        part: image to encode.
        suffix: suffix of the file, `.png` or `.jpg`.
        texts: keys and values to store in the file.
        options: options of the run, for the style of the overlay.
        measured: measurements of the fields of view.
        photo_use: whether images may be drawn on the photograph itself.
    """
    stored = dict(texts)
    if part == "vessels":
        return encode_png(segmentation.mask, stored)
    if part == "probability":
        return encode_png(segmentation.probability_levels(), stored)
    if part == "measures_overlay":
        drawn = draw_measures(segmentation.photo, measured, photo_use == "change")
        return encode_png(drawn, stored, in_place=True)
    if photo_use == "restore":
        with run_overlay_in_place(segmentation, options) as drawn:
            return _encode_overlay(drawn, suffix, stored, in_place=False)
    drawn = draw_run_overlay(segmentation, options, photo_use == "change")
    return _encode_overlay(drawn, suffix, stored, in_place=True)


def _encode_overlay(overlay: Photo, suffix: str, texts: Mapping[str, str], in_place: bool) -> bytes:
    if suffix == ".jpg":
        return encode_jpeg(overlay, texts)
    return encode_png(overlay, texts, in_place)


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


def run_overlay_in_place(
    segmentation: Segmentation, options: RunOptions
) -> AbstractContextManager[Photo]:
    """Draw the overlay with the options of a run on the photograph; see `overlay_in_place`."""
    return overlay_in_place(
        segmentation.photo,
        segmentation.mask,
        opacity=options.overlay_opacity,
        style=options.overlay_style,
    )
