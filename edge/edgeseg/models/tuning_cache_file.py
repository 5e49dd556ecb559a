"""Where the file of choices lies. Apart from `edgeseg.models.tuning_cache`, which takes longer to load and is rarely needed."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "EDGESEG_CHOICES"
"""Of the environment: names the file; empty for none."""


def cache_path() -> Path | None:
    """The file: `EDGESEG_CHOICES`, else in the user's configuration folder; None where there is none."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named) if named else None
    folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not folder.is_absolute():  # an empty or relative one does not count, says the standard
        folder = Path(os.path.expanduser("~"), ".config")  # noqa: PTH111 - Path's raises where there is no home
    return folder / "edgeseg" / "choices.json" if folder.is_absolute() else None


def cache_exists(file: Path) -> bool:
    """Or may not be looked at, which `find` tells; a service may be kept from its user's home, without a word."""
    try:
        return file.exists()
    except (OSError, ValueError):
        return VARIABLE in os.environ
