"""Error messages of the decoder."""

from __future__ import annotations

from collections.abc import Callable

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
