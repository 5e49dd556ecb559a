"""Comparison of file names."""

import unicodedata


def name_key(name: str) -> str:
    """Return a key for comparing names. It is equal if two names may denote the same file.

    Case is ignored, as on SD cards (FAT). Composed and decomposed accents (NFC and NFD) are equal,
    because macOS and other systems write different forms.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
