"""Error messages of the decoder, and damaged copies of files."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from edgeseg.errors import PhotoError
from edgeseg.imaging.photo import decode_photo


def _decoding_error(data: bytes) -> str:
    with pytest.raises(PhotoError) as caught:
        decode_photo(data, "x.img")
    assert str(caught.value).startswith("x.img: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="session")
def decoding_error() -> Callable[[bytes], str]:
    """Function that returns the message of the error that decoding raises."""
    return _decoding_error


def _damage(data: bytes, start: int) -> Iterator[bytes]:
    generator = random.Random(1)
    for _ in range(200):
        damaged = bytearray(data)
        damaged[generator.randrange(start, len(data))] ^= 1 << generator.randrange(8)
        yield bytes(damaged)
    for length in range(0, len(data), 7):
        yield data[:length]
    yield data + b"x"


@pytest.fixture(scope="session")
def damage() -> Callable[[bytes, int], Iterator[bytes]]:
    """Function that yields damaged copies: a bit after `start` flipped, bytes missing or added."""
    return _damage
