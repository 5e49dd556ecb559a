"""Header of an AVIF file."""

import struct
from collections.abc import Iterator

from edgeseg.errors import CUT_OFF, DAMAGED, SAVE_AS, InvalidImageError
from edgeseg.imaging.image_header import ImageHeader

_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
_MAX_BOXES = 4096


def read_avif(data: bytes, complete: bool) -> ImageHeader:
    """Read the header of an AVIF file.

    The largest image in the file is the photograph. Other images are thumbnails or tiles.

    Args:
        data: bytes of the file.
        complete: True if `data` is the whole file, False if it is only the beginning. Only a whole
            file is checked.

    Raises:
        InvalidImageError: the file is truncated, damaged, an image sequence, or rotated.
        struct.error: `data` is too short for the header.
    """
    meta: range | None = None
    for name, content in _iterate_boxes(data, range(len(data)), complete):
        if name == b"meta" and meta is None:
            meta = content
    if meta is None:
        if not complete:
            raise struct.error
        raise InvalidImageError(f"an AVIF without an image: {DAMAGED}")
    sizes, depths, names = _read_properties(data, meta)
    if not sizes:
        raise InvalidImageError(f"an AVIF without a size: {DAMAGED}")
    # OpenCV returns the stored pixels, without rotation and crop.
    if complete and names & {b"irot", b"imir", b"clap"}:
        raise InvalidImageError(
            f"an AVIF with a rotation or a crop is not supported. {SAVE_AS}", "unsupported_format"
        )
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    bits = max(depths, default=8)
    alpha = _ALPHA in data[meta.start : meta.stop]
    decoder_bytes = 15 if bits == 8 else 20
    if alpha:
        decoder_bytes += 15
    return ImageHeader(
        "avif",
        width,
        height,
        alpha=alpha,
        maximum=(1 << bits) - 1,
        decoder_bytes=decoder_bytes,
    )


def _read_properties(
    data: bytes, meta: range
) -> tuple[list[tuple[int, int]], list[int], set[bytes]]:
    """Return the sizes, the bits per sample and the property names of all images."""
    sizes: list[tuple[int, int]] = []
    depths: list[int] = []
    names: set[bytes] = set()
    for name, content in _iterate_boxes(data, range(meta.start + 4, meta.stop)):
        if name != b"iprp":
            continue
        for container, properties in _iterate_boxes(data, content):
            if container != b"ipco":
                continue
            for kind, part in _iterate_boxes(data, properties):
                names.add(kind)
                if kind == b"ispe":
                    sizes.append(struct.unpack_from(">II", data, part.start + 4))
                elif kind == b"av1C":
                    depths.append(_read_depth(data[part.start + 2]))
    return sizes, depths, names


def _read_depth(flags: int) -> int:
    """Return the bits per sample from the third byte of an AV1 configuration."""
    high, twelve = flags & 0x40, flags & 0x20
    if not high:
        return 8
    return 12 if twelve else 10


def _iterate_boxes(
    data: bytes, within: range, complete: bool = True
) -> Iterator[tuple[bytes, range]]:
    """Yield the name and content of each box in a part of the file.

    Raises:
        InvalidImageError: a box is longer than the part, or there are too many boxes.
    """
    position = within.start
    for _ in range(_MAX_BOXES):
        if position >= within.stop:
            return
        size, name = struct.unpack_from(">I4s", data, position)
        header = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, position + 8)
            header = 16
        elif size == 0:
            size = within.stop - position
        end = position + size
        if complete and (size < header or end > within.stop):
            raise InvalidImageError(CUT_OFF)
        yield name, range(position + header, end)
        position = end
    raise InvalidImageError(f"an AVIF with too many boxes: {DAMAGED}")
