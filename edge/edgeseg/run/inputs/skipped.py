"""Files that are not segmented, counted by kind."""

from pathlib import Path
from typing import Literal, TypeAlias

from edgeseg.console import plural

SkippedKind: TypeAlias = Literal["folder", "loop", "result", "mask", "video", "hidden", "other"]
"""Reason why a file is not segmented."""

_NOUNS: dict[SkippedKind, str] = {
    "folder": "sub-folder",
    "loop": "link to a parent folder",
    "result": "result",
    "mask": "mask",
    "video": "video",
    "hidden": "hidden file",
    "other": "other file",
}
_PLURALS = {"link to a parent folder": "links to a parent folder"}
_REMARKS: dict[SkippedKind, str] = {
    "folder": " (use --recursive)",
    "result": " of edgeseg",
    "video": " (specify a video by name)",
}
_MAX_SUFFIXES = 5


class SkippedFiles:
    """Files that are not segmented, with the reason for each file.

    Attributes:
        kinds: reason for skipping. The key is the path of the file.
    """

    def __init__(self) -> None:
        self.kinds: dict[Path, SkippedKind] = {}

    def add(self, path: Path, kind: SkippedKind) -> None:
        """Add a file."""
        self.kinds[path] = kind

    def update(self, other: "SkippedFiles") -> None:
        """Add the files of another folder."""
        self.kinds.update(other.kinds)

    def count(self, kind: SkippedKind) -> int:
        """Return the number of files of one kind."""
        return list(self.kinds.values()).count(kind)

    def describe(self) -> str:
        """Return the number of files of each kind in one line, or "" if no file was skipped."""
        parts: list[str] = []
        for kind, noun in _NOUNS.items():
            count = self.count(kind)
            if not count:
                continue
            words = plural(count, noun)
            if count > 1 and noun in _PLURALS:
                words = f"{count} {_PLURALS[noun]}"
            remark = self._suffixes() if kind == "other" else _REMARKS.get(kind, "")
            parts.append(words + remark)
        return ", ".join(parts)

    def _suffixes(self) -> str:
        """Return the suffixes of the files of kind `other`, in parentheses."""
        suffixes: set[str] = set()
        for path, kind in self.kinds.items():
            if kind == "other":
                suffixes.add(path.suffix.lower() or "no suffix")
        shown = sorted(suffixes)[:_MAX_SUFFIXES]
        more = ["..."] if len(suffixes) > _MAX_SUFFIXES else []
        return f" ({', '.join([*shown, *more])})"
