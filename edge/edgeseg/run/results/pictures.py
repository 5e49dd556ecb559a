"""The result pictures of a photograph, as PNG files."""

import io
from collections.abc import Iterator, Mapping, Sequence

from edgeseg.imaging import png
from edgeseg.imaging.arrays import row_bands
from edgeseg.imaging.overlay import overlay_bands
from edgeseg.measures import Measures
from edgeseg.measures.overlay import draw_measures
from edgeseg.run.inputs import Part
from edgeseg.segmentation import Segmentation


def encode_picture(
    segmentation: Segmentation,
    part: Part,
    measured: Sequence[Measures],
    texts: Mapping[str, str],
    threads: int,
) -> bytes:
    """Return one result picture as the bytes of a PNG file.

    Args:
        segmentation: vessels of the photograph.
        part: picture to encode.
        measured: measurements of its fields of view.
        texts: keys and values to store in the file.
        threads: number of threads that encode.
    """
    height, width = segmentation.mask.shape
    encoded = io.BytesIO()
    rows = _picture_rows(segmentation, part, measured)
    png.write_png(encoded, (height, width), rows, dict(texts), threads)
    return encoded.getvalue()


def _picture_rows(
    segmentation: Segmentation, part: Part, measured: Sequence[Measures]
) -> Iterator[png.Rows]:
    mask = segmentation.mask
    if part == "measures_overlay":
        picture = draw_measures(segmentation.photo, measured)
        return (picture[rows] for rows in row_bands(len(mask)))
    if part == "vessels":
        return (mask[rows] for rows in row_bands(len(mask)))
    if part == "overlay":
        return overlay_bands(segmentation.photo, mask)
    probability = segmentation.probability
    return ((probability[rows] * 65535).round().astype("uint16") for rows in row_bands(len(mask)))
