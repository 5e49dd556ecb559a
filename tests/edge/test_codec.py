"""Damaged, cut-off, odd and hostile files are refused in one line: never half read, never a crash, never noise."""

from __future__ import annotations

import functools
import gzip
import io
import os
import struct
import threading
import tracemalloc
import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.errors import PhotoError
from edgeseg.imaging.codec_warnings import capture_codec_warnings
from edgeseg.imaging.decoder import MAX_FILE_BYTES
from edgeseg.imaging.photo import decode_photo, read_photo_stream

WIDTH, HEIGHT = 64, 40
FORMATS = ("png", "jpg", "tif", "bmp", "ppm", "gif", "16.png", "16.tif", "rgba.png", "ppm.gz")


def picture() -> npt.NDArray[np.uint8]:
    """(HEIGHT, WIDTH, 3), smooth with a little noise, so that damage shows."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    noise = np.random.default_rng(0).integers(0, 20, (HEIGHT, WIDTH, 3))
    return (
        (np.stack([200 - y * 4, 30 + x * 3, 20 + x + y], axis=-1) + noise)
        .clip(0, 255)
        .astype(np.uint8)
    )


def encoded(suffix: str, pixels: npt.NDArray[Any]) -> bytes:
    done, data = cv2.imencode(suffix, pixels)
    assert done
    return data.tobytes()


@functools.cache
def whole(kind: str) -> bytes:
    """A valid file of each format."""
    if kind == "gif":
        return gif()
    if kind == "ppm.gz":
        return gzip.compress(whole("ppm"))
    if kind.startswith("16."):
        return encoded(kind[2:], picture().astype(np.uint16) * 257)
    if kind == "rgba.png":
        return encoded(".png", np.dstack([picture(), picture()[:, :, :1]]))
    return encoded(f".{kind}", picture())


def gif() -> bytes:
    """Black and white. A clear code (4) before every two pixels keeps all codes at 3 bits: no compression."""
    pixels = (picture()[:, :, 1] > 100).astype(int).reshape(-1, 2).tolist()
    codes = [code for pair in pixels for code in (4, *pair)] + [5]
    packed = sum(code << 3 * place for place, code in enumerate(codes)).to_bytes(
        3 * len(codes) // 8 + 1, "little"
    )
    blocks = b"".join(
        bytes([len(packed[i : i + 255])]) + packed[i : i + 255] for i in range(0, len(packed), 255)
    )
    screen = struct.pack("<HHBBB", WIDTH, HEIGHT, 0x81, 0, 0) + bytes(3) + b"\xff" * 9
    return (
        b"GIF89a"
        + screen
        + b","
        + struct.pack("<HHHHB", 0, 0, WIDTH, HEIGHT, 0)
        + b"\x02"
        + blocks
        + b"\0;"
    )


def png_of(width: int, height: int, pixels: bytes, kind: int = 2) -> bytes:
    """A PNG by hand, its checksums right whatever is in it."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    )


def tiff(pixels: bytes, **changed: int) -> bytes:
    """A grey little-endian TIFF of one strip by hand; `changed` are tags by their number, as `t258=16`."""
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
    entries = b"".join(struct.pack("<HHII", number, 4, 1, tags[number]) for number in sorted(tags))
    return (
        struct.pack("<2sHI", b"II", 42, 8 + len(pixels))
        + pixels
        + struct.pack("<H", len(tags))
        + entries
        + bytes(4)
    )


def refused(data: bytes) -> str:
    with pytest.raises(PhotoError) as caught:
        decode_photo(data, "x.img")
    assert str(caught.value).startswith("x.img: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_files_that_are_damaged_below_are_valid_before(kind: str) -> None:
    assert decode_photo(whole(kind)).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("kind", FORMATS)
@settings(deadline=None, max_examples=40)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_that_is_cut_off_is_refused(kind: str, share: float) -> None:
    # A GIF may lack its last byte, which only says that nothing follows.
    needed = len(whole(kind)) - (1 if kind == "gif" else 0)
    refused(whole(kind)[: int(needed * share)])


@pytest.mark.parametrize("kind", FORMATS)
@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_whatever_the_bytes_a_photograph_or_a_refusal_comes_out(
    kind: str, data: st.DataObject
) -> None:
    damaged = bytearray(whole(kind))
    place = st.integers(0, len(damaged) - 1) | st.integers(0, min(200, len(damaged) - 1))
    for where, value in data.draw(
        st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=8)
    ):
        damaged[where] = value
    try:
        found = decode_photo(bytes(damaged))
    except PhotoError as error:
        assert "\n" not in str(error)
    else:
        assert (found.dtype.name, *found.shape[2:]) == ("uint8", 3)


@settings(deadline=None, max_examples=100)
@given(
    st.binary(max_size=300),
    st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"GIF89a", b"BM", b"P6"]
    ),
)
def test_garbage_is_refused(garbage: bytes, signature: bytes) -> None:
    refused(signature + garbage)


@pytest.mark.parametrize("kind", ["png", "16.png"])
def test_a_png_with_any_changed_byte_of_its_pixels_is_refused(kind: str) -> None:
    data = bytearray(whole(kind))
    data[len(data) // 2] ^= 1
    assert "checksum" in refused(bytes(data))


def test_a_jpeg_with_a_lost_or_blank_stretch_is_refused() -> None:
    """OpenCV alone returns these, wrong from the damage on."""
    data = encoded(".jpg", np.tile(picture(), (8, 8, 1)))
    start, middle = data.rfind(b"\xff\xda"), len(data) // 2
    assert middle > start + 600
    assert "damaged" in refused(data[:middle] + bytes(512) + data[middle + 512 :])
    assert "damaged" in refused(data[:middle] + data[middle + 700 :])


def test_a_jpeg_may_be_padded_before_and_followed_after_its_end() -> None:
    data = whole("jpg")
    expected = decode_photo(data)
    for harmless in (data[:-2] + bytes(7) + data[-2:], data + b"some more", data + data):
        np.testing.assert_array_equal(decode_photo(harmless), expected)


def test_a_thumbnail_s_end_is_not_the_photograph_s() -> None:
    data = whole("jpg")
    segment = b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data
    with_thumbnail = data[:2] + segment + data[2:]
    np.testing.assert_array_equal(decode_photo(with_thumbnail), decode_photo(data))
    refused(with_thumbnail[:-40])


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    assert "scans" in refused(whole("jpg")[:-2] + scan * 5000 + b"\xff\xd9")


def test_a_png_whose_rows_end_too_early_is_refused() -> None:
    refused(png_of(40, 40, bytes(121 * 10)))


def test_tiffs_that_opencv_reads_wrongly_or_not_at_all_are_refused_with_a_remedy() -> None:
    deep = bytes(range(256)) * (WIDTH * HEIGHT * 6 // 256)
    for odd in (
        tiff(deep, t258=16, t277=3, t262=2, t284=2),
        tiff(deep, t258=16, t262=0),
        tiff(deep, t258=32, t339=3),
        tiff(deep, t258=16, t339=2),
    ):
        assert "save it as PNG" in refused(odd)


def test_a_tiff_whose_pixels_lie_outside_of_the_file_is_refused() -> None:
    pixels = bytes(WIDTH * HEIGHT)
    assert decode_photo(tiff(pixels)).shape == (HEIGHT, WIDTH, 3)
    assert "cut off" in refused(tiff(pixels, t279=WIDTH * HEIGHT + 10_000))
    assert "cut off" in refused(tiff(pixels, t279=WIDTH * HEIGHT // 2))
    assert "strips" in refused(tiff(pixels, t278=1))


def test_too_many_pixels_are_refused_before_they_take_memory() -> None:
    packed = zlib.compress(bytes(1 << 20))
    hostile = [
        png_of(60_000, 60_000, packed),
        gzip.compress(png_of(60_000, 60_000, b"") + bytes(100 << 20)),
        gzip.compress(png_of(100, 100, b"") + bytes(100 << 20)),
        gzip.compress(bytes(100 << 20)),
        b"P1 60000 60000 " + b"1 " * 100,
        tiff(b"", t256=60_000, t257=60_000, t278=60_000, t259=5),
        b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"," + bytes(9) + b"\x02\0;",
        b"BM" + struct.pack("<IIIIiiHHI", 0, 0, 54, 40, 60_000, -60_000, 1, 24, 1) + bytes(20),
    ]
    tracemalloc.start()
    try:
        for data in hostile:
            refused(data)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert "60000 x 60000 pixels" in refused(hostile[0])


def test_a_tiff_that_points_many_times_at_the_same_numbers_takes_no_memory() -> None:
    entry = struct.pack("<HHII", 273, 16, 1 << 17, 8)
    data = struct.pack("<2sHI", b"II", 42, 1 << 20) + bytes((1 << 20) - 8)
    data += struct.pack("<H", 4000) + entry * 4000
    tracemalloc.start()
    try:
        refused(data)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_an_endless_stream_is_refused() -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return bytes(size or 1)

    with pytest.raises(PhotoError, match=f"standard input: more than {MAX_FILE_BYTES >> 20} MiB"):
        read_photo_stream(Endless(), "standard input")


@pytest.mark.parametrize("kind", FORMATS)
def test_the_codecs_say_nothing_to_the_user(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = whole(kind)
    for end in range(0, len(data), max(1, len(data) // 20)):
        for damaged in (data[:end], data[:end] + b"\xff" * 16 + data[end + 16 :]):
            try:
                decode_photo(damaged)
            except PhotoError:
                continue
    assert capfd.readouterr() == ("", "")


def test_what_others_say_meanwhile_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    def decoder() -> int:
        os.write(2, b"libpng warning: iCCP\nthe camera is hot\nPremature end of JPEG file\n")
        return 7

    assert capture_codec_warnings(decoder) == (
        7,
        "libpng warning: iCCP\nPremature end of JPEG file\n",
    )
    assert capfd.readouterr().err == "the camera is hot\n"


def test_a_decoder_that_fails_leaves_standard_error_as_it_was(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def decoder() -> int:
        raise MemoryError

    with pytest.raises(MemoryError):
        capture_codec_warnings(decoder)
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"


def test_a_program_without_standard_error_decodes_too() -> None:
    kept = os.dup(2)
    os.close(2)
    try:
        assert decode_photo(whole("jpg")).shape == (HEIGHT, WIDTH, 3)
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def test_threads_decode_side_by_side() -> None:
    damaged = encoded(".jpg", np.tile(picture(), (8, 8, 1)))
    damaged = damaged[: len(damaged) // 2] + damaged[len(damaged) // 2 + 700 :]
    wrong: list[str] = []

    def work(data: bytes, good: bool) -> None:
        for _ in range(20):
            try:
                decode_photo(data)
            except PhotoError:
                wrong.extend(["refused"] * good)
            else:
                wrong.extend(["accepted"] * (not good))

    cases = [(whole("jpg"), True), (damaged, False), (whole("png"), True), (damaged, False)]
    threads = [threading.Thread(target=work, args=case) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
