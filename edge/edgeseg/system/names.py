"""Comparison of file names."""

import unicodedata


def name_key(name: str) -> str:
    """Return a key that is equal for two names that one file can have.

    Upper and lower case are equal, because they are one file on an SD card (FAT); so are composed
    and decomposed accents (NFC and NFD), which macOS and other systems write.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
