"""The one way in which an image file is refused."""

from __future__ import annotations

CUT_OFF = "the file is cut off; copy it again from where it comes from"
DAMAGED = "the file is damaged; copy it again from where it comes from"
SAVE_AS = "save it as PNG with 8 bits a channel"


class InvalidImageError(ValueError):
    """A file that cannot be decoded faithfully; the message is the reason, without the file's name."""
