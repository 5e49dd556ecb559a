"""Constructed PNG and TIFF files, and images, files and streams that are too large."""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from edgeseg.errors import PhotoError
from edgeseg.imaging.decoder import MAX_FILE_BYTES
from edgeseg.imaging.file_headers import peek_header, read_header
from edgeseg.imaging.photo import decode_photo, read_photo_stream

DecodingError: TypeAlias = Callable[[bytes], str]

WIDTH, HEIGHT = 64, 40


def make_png(width: int, height: int, pixels: bytes, kind: int = 2) -> bytes:
    """PNG file with valid checksums and any size and pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(pixels))
    return b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")


def make_tiff(pixels: bytes, **changed: int) -> bytes:
    """Grey little-endian TIFF file of one strip or tile. `changed`: tags, such as `t258=16`."""
    tags = {
        256: WIDTH,
        257: HEIGHT,
        258: 8,
        259: 1,
        262: 1,
        273: 8,
        277: 1,
        278: HEIGHT,
        279: len(pixels),
    }
    tags |= {int(name[1:]): value for name, value in changed.items()}
    if 324 in tags:
        del tags[273], tags[278], tags[279]
    entries = b"".join(struct.pack("<HHII", number, 4, 1, tags[number]) for number in sorted(tags))
    header = struct.pack("<2sHI", b"II", 42, 8 + len(pixels))
    return header + pixels + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_decode_photo_png_with_missing_rows_raises(decoding_error: DecodingError) -> None:
    decoding_error(make_png(40, 40, bytes(121 * 10)))


def test_decode_photo_tiff_that_opencv_misreads_raises_with_remedy(
    decoding_error: DecodingError,
) -> None:
    deep = bytes(range(256)) * (WIDTH * HEIGHT * 6 // 256)
    for unsupported in (
        make_tiff(deep, t258=16, t277=3, t262=2, t284=2),
        make_tiff(deep, t258=16, t262=0),
        make_tiff(deep, t258=32, t339=3),
        make_tiff(deep, t258=16, t339=2),
        make_tiff(deep, t277=2, t338=2),
    ):
        assert "as PNG" in decoding_error(unsupported)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_decode_photo_tiled_tiff_with_orientation_is_correct_or_unsupported(
    orientation: int,
) -> None:
    tile = np.random.default_rng(1).integers(0, 256, (48, WIDTH), np.uint8)
    tags = {"t274": orientation, "t322": WIDTH, "t323": 48, "t324": 8, "t325": tile.size}
    data = make_tiff(tile.tobytes(), **tags)
    if orientation in {2, 3, 6, 7}:
        with pytest.raises(PhotoError) as caught:
            decode_photo(data)
        assert caught.value.code == "unsupported_format"
        return
    expected = tile[:HEIGHT]
    expected = {1: expected, 4: expected[::-1], 5: expected.T, 8: expected.T[::-1]}[orientation]
    np.testing.assert_array_equal(decode_photo(data)[:, :, 0], expected)


def test_decode_photo_bigtiff_with_huge_offset_raises(decoding_error: DecodingError) -> None:
    entry = struct.pack("<HHQQ", 273, 16, 2, 1 << 63)
    data = struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, 1) + entry
    assert "truncated" in decoding_error(data)


def test_decode_photo_tiff_with_pixels_outside_of_file_raises(
    decoding_error: DecodingError,
) -> None:
    pixels = bytes(WIDTH * HEIGHT)
    assert decode_photo(make_tiff(pixels)).shape == (HEIGHT, WIDTH, 3)
    assert "truncated" in decoding_error(make_tiff(pixels, t279=WIDTH * HEIGHT + 10_000))
    assert "truncated" in decoding_error(make_tiff(pixels, t279=WIDTH * HEIGHT // 2))
    assert "strips" in decoding_error(make_tiff(pixels, t278=1))


def test_decode_photo_too_many_pixels_raises_without_memory_use(
    decoding_error: DecodingError,
) -> None:
    packed = zlib.compress(bytes(1 << 20))
    hostile = [
        make_png(60_000, 60_000, packed),
        gzip.compress(make_png(60_000, 60_000, b"") + bytes(100 << 20)),
        gzip.compress(make_png(100, 100, b"") + bytes(100 << 20)),
        gzip.compress(bytes(100 << 20)),
        b"P1 60000 60000 " + b"1 " * 100,
        make_tiff(b"", t256=60_000, t257=60_000, t278=60_000, t259=5),
        b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"," + bytes(9) + b"\x02\0;",
        b"BM" + struct.pack("<IIIIiiHHI", 0, 0, 54, 40, 60_000, -60_000, 1, 24, 1) + bytes(20),
    ]
    tracemalloc.start()
    try:
        for data in hostile:
            decoding_error(data)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    with pytest.raises(PhotoError, match="60000 x 60000 pixels") as caught:
        decode_photo(hostile[0])
    assert caught.value.code == "too_large"


def test_decode_photo_side_too_long_for_the_overlay_raises() -> None:
    assert decode_photo(b"P5 65500 1 255 " + bytes(65_500)).shape == (1, 65_500, 3)
    with pytest.raises(PhotoError) as caught:
        decode_photo(b"P5 1 65501 255 " + bytes(65_501))
    assert caught.value.code == "too_large"


def test_decode_photo_tiff_with_repeated_tags_raises_without_memory_use(
    decoding_error: DecodingError,
) -> None:
    entry = struct.pack("<HHII", 273, 16, 1 << 17, 8)
    data = struct.pack("<2sHI", b"II", 42, 1 << 20) + bytes((1 << 20) - 8)
    data += struct.pack("<H", 4000) + entry * 4000
    tracemalloc.start()
    try:
        decoding_error(data)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_read_photo_stream_endless_stream_raises() -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return bytes(size or 1)

    with pytest.raises(PhotoError, match=f"standard input: .* {MAX_FILE_BYTES >> 20} MiB"):
        read_photo_stream(Endless(), "standard input")


def make_large_png(bits: int, colour: int, row_bytes: int) -> bytes:
    """Black PNG of 10000 x 10000 pixels, a few hundred kilobytes."""
    packer = zlib.compressobj(1)
    rows = [packer.compress(bytes((1 + row_bytes) * 100)) for _ in range(100)]
    rows.append(packer.flush())
    png = make_png(10_000, 10_000, b"")
    header = struct.pack(">IIBBBBB", 10_000, 10_000, bits, colour, 0, 0, 0)
    chunks = b""
    for name, content in ((b"IHDR", header), (b"IDAT", b"".join(rows)), (b"IEND", b"")):
        checksum = struct.pack(">I", zlib.crc32(name + content))
        chunks += struct.pack(">I", len(content)) + name + content + checksum
    return png[:8] + chunks


@pytest.mark.slow
def test_decode_photo_large_16_bit_grey_png_needs_less_than_a_gigabyte() -> None:
    data = make_large_png(16, 0, 20_000)
    code = (
        "import sys; from edgeseg.imaging.photo import decode_photo; "
        "shape = decode_photo(sys.stdin.buffer.read()).shape; "
        # ru_maxrss would include the memory of the test process, because this process was forked
        # from it.
        "status = open('/proc/self/status').read(); "
        "print(*shape, status.partition('VmHWM:')[2].split()[0])"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True)
    *shape, kilobytes = map(int, result.stdout.split())
    assert shape == [10_000, 10_000, 3]
    assert kilobytes < 1_000_000


def test_decode_photo_large_16_bit_colour_png_raises() -> None:
    with pytest.raises(PhotoError) as caught:
        decode_photo(make_large_png(16, 2, 60_000))
    assert caught.value.code == "too_large"


def test_decode_photo_large_16_bit_png_with_transparency_raises() -> None:
    with pytest.raises(PhotoError) as caught:
        decode_photo(make_large_png(16, 4, 40_000))
    assert caught.value.code == "too_large"


SCAN_AND_END = b"\xff\xda\0\x02\1\2\xff\xd9"


@pytest.mark.parametrize(
    ("factors", "expected"), [(b"\x22\x11\x11", 3), (b"\x11\x11\x11", 6), (b"\x11", 3)]
)
def test_read_header_progressive_jpeg_counts_memory_of_coefficients(
    factors: bytes, expected: int
) -> None:
    components = b"".join(bytes((number, factor, 0)) for number, factor in enumerate(factors))
    frame = struct.pack(">HBHHB", 8 + len(components), 8, 40, 64, len(factors)) + components
    jpeg = b"\xff\xd8\xff\xc2" + frame + SCAN_AND_END
    assert read_header(jpeg).decoder_bytes == expected
    peeked = peek_header(jpeg[: -len(SCAN_AND_END)])
    assert peeked is not None
    assert peeked.decoder_bytes == expected
