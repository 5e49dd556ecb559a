"""Data that the page needs to display an image and to change the threshold without inference."""

import secrets
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Box
from edgeseg.imaging.encoder import encode_jpeg
from edgeseg.imaging.overlay import shrink_photo
from edgeseg.run.results.record import Records, ResultRecord
from edgeseg.segmentation import FieldResult, Segmentation

MAX_DISPLAY_SIDE = 4096
"""Longer side in pixels of the displayed image."""

_FASTEST = 1  # compression level of zlib


class PageField(msgspec.Struct, frozen=True):
    """Position of a field of view.

    Attributes:
        source: crop of the photograph.
        width: width in pixels of the probability map for this crop.
        height: height in pixels of the probability map.
    """

    source: Box
    width: int
    height: int


class PageResult(msgspec.Struct, frozen=True, kw_only=True):
    """Description of an image for the page.

    Attributes:
        records: records of the image.
        frame: number of the image in its file, from 1.
        frame_count: number of images in the file.
        width: width of the photograph in pixels.
        height: height of the photograph in pixels.
        fields: fields of view of the image.
    """

    records: tuple[ResultRecord, ...]
    frame: int
    frame_count: int
    width: int
    height: int
    fields: tuple[PageField, ...]


class _Part(NamedTuple):
    name: str
    media_type: str
    data: bytes


def page_form(
    records: Records, segmentation: Segmentation, frame: int, frame_count: int
) -> tuple[bytes, str]:
    """Encode an image as a form. Return the form and its media type.

    The form contains `result` (JSON, `PageResult`), `image` (JPEG, the segmented photograph) and
    `mask`. For each field of view, it also contains `inside_1`, `inside_2`, ... and
    `probability_1`, `probability_2`, ... (float32, little-endian, zlib). `mask` and `inside_1`
    contain one bit per pixel (zlib).
    """
    height, width = segmentation.mask.shape
    result = PageResult(
        records=records,
        frame=frame,
        frame_count=frame_count,
        width=width,
        height=height,
        fields=tuple(_describe_field(field) for field in segmentation.inferred),
    )
    image = encode_jpeg(shrink_photo(segmentation.photo, MAX_DISPLAY_SIDE))
    parts = [
        _Part("result", "application/json", msgspec.json.encode(result)),
        _Part("image", "image/jpeg", image),
        _Part("mask", "application/octet-stream", _pack_bits(segmentation.mask)),
    ]
    for number, field in enumerate(segmentation.inferred, 1):
        parts += _field_parts(number, field)
    return _encode_form(parts)


def _describe_field(field: FieldResult) -> PageField:
    target = field.placement.target
    return PageField(field.placement.source, target.width, target.height)


def _field_parts(number: int, field: FieldResult) -> Iterator[_Part]:
    source, target = field.placement.source, field.placement.target
    inside = field.fov.mask[source.rows, source.columns]
    probability = field.probability[target.rows, target.columns].astype("<f4")
    compressed = zlib.compress(probability.tobytes(), _FASTEST)
    yield _Part(f"inside_{number}", "application/octet-stream", _pack_bits(inside))
    yield _Part(f"probability_{number}", "application/octet-stream", compressed)


def _pack_bits(mask: npt.NDArray[np.uint8]) -> bytes:
    return zlib.compress(np.packbits(mask != 0).tobytes(), _FASTEST)


def _encode_form(parts: list[_Part]) -> tuple[bytes, str]:
    """Encode parts as `multipart/form-data`, which browsers can decode."""
    boundary = secrets.token_hex(16)
    lines: list[bytes] = []
    for part in parts:
        head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{part.name}"; filename="{part.name}"\r\n'
            f"Content-Type: {part.media_type}\r\n\r\n"
        )
        lines += [head.encode(), part.data, b"\r\n"]
    lines.append(f"--{boundary}--\r\n".encode())
    return b"".join(lines), f"multipart/form-data; boundary={boundary}"
