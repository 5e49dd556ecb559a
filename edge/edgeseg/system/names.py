"""Comparison of file names."""

import unicodedata


def name_key(name: str) -> str:
    """Return a key that is equal for two names if they may denote the same file.

    Case is ignored, because FAT file systems (SD cards) ignore it. Composed and decomposed accents
    (NFC and NFD) are equal, because operating systems write different forms.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
