"""Small photographs to mutate, in every supported format."""

import functools
import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeseg.imaging.file_text import png_chunk

SIZE = (96, 128)
SEED = 23


@functools.cache
def make_image() -> npt.NDArray[np.uint8]:
    """Return a small fundus, (96, 128, 3): a bright disc on black with dark lines and noise."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    disc = np.hypot(rows - 48, columns - 64) < 46
    lines = np.abs(np.sin(rows / 5 + columns / 11)) < 0.15
    red = (140 + columns // 2) * disc - 60 * (lines & disc)
    image = np.stack([red, red // 2, red // 4], axis=-1)
    noise = np.random.default_rng(SEED).integers(0, 8, image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8)


def write_with_opencv(suffix: str, *settings: int) -> bytes:
    """Encode the fundus with OpenCV."""
    return cv2.imencode(suffix, make_image(), settings)[1].tobytes()


def write_with_pillow(file_format: str, mode: str = "RGB", **options: object) -> bytes:
    """Encode the fundus with Pillow, which supports more options than OpenCV."""
    file = io.BytesIO()
    Image.fromarray(make_image()).convert(mode).save(file, file_format, **options)
    return file.getvalue()


def make_rotated_png() -> bytes:
    """Return a PNG with an eXIf chunk that specifies a rotation by 90 degrees."""
    exif = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x112, 3, 1, 6, 0, 0)
    png = write_with_opencv(".png")
    return png[:33] + png_chunk(b"eXIf", exif) + png[33:]


def make_deflated_tiff(rows_per_strip: int = 16) -> bytes:
    """Return a TIFF with several deflated strips. Pillow can write only one strip."""
    image = make_image()
    strips = []
    for top in range(0, SIZE[0], rows_per_strip):
        strips.append(zlib.compress(image[top : top + rows_per_strip].tobytes()))
    count = len(strips)
    offsets = []
    position = 8
    for strip in strips:
        offsets.append(position)
        position += len(strip)
    arrays = struct.pack(f"<{2 * count}I", *offsets, *map(len, strips)) + struct.pack(
        "<3H", 8, 8, 8
    )
    entries = [
        (256, 4, 1, SIZE[1]),
        (257, 4, 1, SIZE[0]),
        (258, 3, 3, position + 8 * count),
        (259, 4, 1, 8),
        (262, 4, 1, 2),
        (273, 4, count, position),
        (277, 4, 1, 3),
        (278, 4, 1, rows_per_strip),
        (279, 4, count, position + 4 * count),
    ]
    directory = struct.pack("<H", len(entries))
    for entry in entries:
        directory += struct.pack("<HHII", *entry)
    header = struct.pack("<2sHI", b"II", 42, position + len(arrays))
    return header + b"".join(strips) + arrays + directory + bytes(4)


def encode_rle8(row: list[int]) -> bytes:
    """Encode equal pixels as runs, and different pixels as absolute codes."""
    codes = b""
    start = 0
    while start < len(row):
        end = start + 1
        while end < len(row) and row[end] == row[start] and end - start < 255:
            end += 1
        if end - start < 2 and len(row) - start >= 5:
            codes += bytes([0, 5, *row[start : start + 5], 0])
            start += 5
        else:
            codes += bytes([end - start, row[start]])
            start = end
    return codes + b"\0\0"


def encode_rle4(row: list[int]) -> bytes:
    """Encode 4-bit pixels as runs of two pixels."""
    codes = b""
    for start in range(0, len(row), 2):
        codes += bytes([2, (row[start] >> 4) << 4 | row[start + 1] >> 4])
    return codes + b"\0\0"


def make_rle_bmp(compression: int = 1) -> bytes:
    """Return a grey BMP with run-length codes: 8 bits (compression 1) or 4 (compression 2)."""
    encode_row, bits = {1: (encode_rle8, 8), 2: (encode_rle4, 4)}[compression]
    grey = make_image()[::-1, :, 0] & 0xF0
    codes = b"".join(encode_row(row.tolist()) for row in grey)
    codes = codes[:-2] + b"\0\1"
    levels = np.linspace(0, 255, 1 << bits).astype(np.uint8)
    palette = b"".join(bytes([level, level, level, 0]) for level in levels)
    start = 54 + len(palette)
    header = struct.pack("<2sIII", b"BM", start + len(codes), 0, start)
    fields = (40, SIZE[1], SIZE[0], 1, bits, compression, len(codes), 0, 0, 0, 0)
    return header + struct.pack("<IiiHHIIiiII", *fields) + palette + codes


FILES: dict[str, Callable[[], bytes]] = {
    "PNG": functools.partial(write_with_opencv, ".png"),
    "PNG, rotated": make_rotated_png,
    "TIFF, deflate": make_deflated_tiff,
    "TIFF, deflate, one strip": functools.partial(
        write_with_pillow, "TIFF", compression="tiff_adobe_deflate"
    ),
    "TIFF, JPEG": functools.partial(write_with_pillow, "TIFF", compression="jpeg"),
    "TIFF, PackBits": functools.partial(write_with_pillow, "TIFF", compression="packbits"),
    "TIFF, G4": functools.partial(write_with_pillow, "TIFF", "1", compression="group4"),
    "TIFF, LZW": functools.partial(write_with_pillow, "TIFF", compression="tiff_lzw"),
    "TIFF, uncompressed": functools.partial(write_with_pillow, "TIFF"),
    "BMP, RLE8": make_rle_bmp,
    "BMP, RLE4": functools.partial(make_rle_bmp, 2),
    "BMP": functools.partial(write_with_opencv, ".bmp"),
    "PPM": functools.partial(write_with_opencv, ".ppm"),
    "GIF": functools.partial(write_with_pillow, "GIF", "P"),
    "JPEG": functools.partial(write_with_pillow, "JPEG", quality=90),
    "WebP": functools.partial(write_with_opencv, ".webp", cv2.IMWRITE_WEBP_QUALITY, 90),
    "WebP, lossless": functools.partial(write_with_opencv, ".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
    "AVIF": functools.partial(write_with_opencv, ".avif", cv2.IMWRITE_AVIF_QUALITY, 90),
    "JPEG 2000": functools.partial(write_with_opencv, ".jp2"),
    "JPEG, progressive": functools.partial(write_with_pillow, "JPEG", quality=90, progressive=True),
}
