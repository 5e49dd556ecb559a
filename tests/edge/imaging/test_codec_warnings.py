"""Capture of the messages that codecs print to standard error."""

from __future__ import annotations

import os

import pytest

from edgeseg.imaging.codec_warnings import capture_codec_warnings


def test_capture_codec_warnings_other_lines_are_printed(capfd: pytest.CaptureFixture[str]) -> None:
    def decode() -> int:
        os.write(2, b"libpng warning: iCCP\nthe camera is hot\nPremature end of JPEG file\n")
        return 7

    messages = "libpng warning: iCCP\nPremature end of JPEG file\n"
    assert capture_codec_warnings(decode) == (7, messages)
    assert capfd.readouterr().err == "the camera is hot\n"


def test_capture_codec_warnings_decoder_raises_restores_stderr(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def decode() -> int:
        raise MemoryError

    with pytest.raises(MemoryError):
        capture_codec_warnings(decode)
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"
