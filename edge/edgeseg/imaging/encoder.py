"""Encoding of PNG files (OpenCV) and JPEG files (libjpeg-turbo) with text entries."""

import struct
import zlib
from collections.abc import Iterable, Mapping

import cv2
import numpy as np
import simplejpeg

from edgeseg.imaging.arrays import Photo, row_bands
from edgeseg.imaging.file_text import (
    PNG_SIGNATURE,
    insert_jpeg_text,
    insert_png_text,
    png_chunk,
    png_text_chunks,
)
from edgeseg.imaging.sample_range import Samples

# Masks compress well without a filter. With an explicit compression level, OpenCV uses a slower
# strategy.
_MASK_PARAMETERS = (cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE)
_MAX_OPENCV_BYTES = 200_000_000  # above, OpenCV's copies of the encoded file are too large
_JPEG_QUALITY = 90
_SMALL_SIDE = 2048  # pixels


def encode_png(
    image: Samples,
    texts: Mapping[str, str] | None = None,
    in_place: bool = False,
) -> bytes:
    """Encode an image as a PNG file without a time stamp.

    Args:
        image: (H, W, 3) RGB or (H, W) grey, uint8 or uint16.
        texts: key (1 to 79 characters) and value of each tEXt chunk, in this order. Latin-1.
        in_place: whether the colours may be swapped in the image itself instead of a copy. The
            image then has the channel order BGR.

    Returns:
        Bytes of the file.

    Raises:
        TypeError: the array has another shape or dtype, or is empty.
    """
    has_channels = image.ndim == 2 or image.shape[2:] == (3,)
    if image.dtype not in (np.uint8, np.uint16) or not has_channels or not image.size:
        raise TypeError(
            "expected an array (H, W) or (H, W, 3) of uint8 or uint16, "
            f"got {image.shape} {image.dtype}"
        )
    if image.ndim == 3 and image.dtype == np.uint8 and image.nbytes > _MAX_OPENCV_BYTES:
        bands = (np.asarray(image[rows], np.uint8) for rows in row_bands(len(image)))
        return encode_png_bands(bands, image.shape[1], image.shape[0], texts)
    bgr = image if image.ndim == 2 else _swap_colours(image, in_place)
    is_mask = image.ndim == 2 and image.dtype == np.uint8
    success, encoded = cv2.imencode(".png", bgr, _MASK_PARAMETERS if is_mask else ())
    if not success:
        raise TypeError(f"OpenCV cannot encode an array {image.shape} {image.dtype} as PNG")
    return insert_png_text(encoded.data, texts or {})


def encode_png_bands(
    bands: Iterable[Photo], width: int, height: int, texts: Mapping[str, str] | None = None
) -> bytes:
    """Encode the bands of a large image as a PNG file. OpenCV requires more memory.

    Args:
        bands: (rows, width, 3) uint8 RGB, from top to bottom.
        width: width of the image.
        height: height of the image.
        texts: key and value of each tEXt chunk, as in `encode_png`.
    """
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    packer = zlib.compressobj(1)
    chunks = [PNG_SIGNATURE, png_chunk(b"IHDR", header), *png_text_chunks(texts or {})]
    for band in bands:
        pixels = band.reshape(len(band), 3 * width)
        filtered = np.empty((len(band), 1 + 3 * width), np.uint8)
        filtered[:, 0] = 1  # filter "Sub": difference to the pixel on the left
        filtered[:, 1:4] = pixels[:, :3]
        np.subtract(pixels[:, 3:], pixels[:, :-3], out=filtered[:, 4:])
        chunks.append(png_chunk(b"IDAT", packer.compress(filtered.data)))
    chunks += [png_chunk(b"IDAT", packer.flush()), png_chunk(b"IEND", b"")]
    return b"".join(chunks)


def _swap_colours(image: Samples, in_place: bool) -> Samples:
    """Swap red and blue. OpenCV copies the input of an in-place conversion, so bands are small."""
    swapped: Samples = image if in_place else np.empty_like(image)
    for rows in row_bands(len(image)):
        cv2.cvtColor(image[rows], cv2.COLOR_RGB2BGR, dst=swapped[rows])
    return swapped


def encode_jpeg(photo: Photo, texts: Mapping[str, str] | None = None) -> bytes:
    """Encode a photograph as a JPEG file of quality 90.

    The colours of a small photograph are not subsampled, because the lines around its vessels are
    only one pixel wide.

    Args:
        photo: (H, W, 3) uint8 RGB, at most 65,500 pixels wide and high.
        texts: key and value of each comment. The comments are written in this order. Latin-1, at
            most 65,000 characters.

    Returns:
        Bytes of the file.
    """
    subsampling = "420" if max(photo.shape) > _SMALL_SIDE else "444"
    encoded = simplejpeg.encode_jpeg(photo, _JPEG_QUALITY, "RGB", subsampling)
    return insert_jpeg_text(encoded, texts or {})
