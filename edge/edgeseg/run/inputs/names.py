"""Names of results in the output folder. No two inputs have results with the same name.

The results of a file in a folder are written to the same sub-folder of the output folder. The
results of a file argument are written to the output folder itself. If two inputs from different
folders would have results with the same name, all results are written to sub-folders. The
path of a sub-folder is the path of the input's folder, relative to the deepest folder that contains
all inputs. If photographs of one folder have the same stem, the result names contain the suffix:
`eye.jpg_vessels.png` and `eye.png_vessels.png`. Names that differ only in case or Unicode
normalization get a number.
"""

import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from edgeseg.imaging.photo import photo_stem
from edgeseg.run.inputs.input import STDIN_STEM, is_video_name
from edgeseg.system.names import name_key

Part: TypeAlias = Literal[
    "vessels",
    "overlay",
    "probability",
    "measures_overlay",
    "dicom_seg",
    "dicom_sc",
    "dicom_sr",
]
"""Result of a photograph, such as `STEM_vessels.png` or `STEM_dicom_seg.dcm`."""

OverlayFormat: TypeAlias = Literal["jpg", "png"]

_RESULT_ENDINGS = (
    "_vessels.png",
    "_overlay.jpg",
    "_overlay.png",
    "_probability.png",
    "_overlay.mp4",
    "_overlay.avi",
    "_dicom_seg.dcm",
    "_dicom_sc.dcm",
    "_dicom_sr.dcm",
)

_Key: TypeAlias = tuple[bool, str]


class PlacedFile(NamedTuple):
    """Input file and the folder of its results.

    Attributes:
        path: file; None for standard input.
        folder: folder of the results, relative to the output folder, without `..`.
    """

    path: Path | None
    folder: Path = Path()

    def stem(self, whole_name: bool = False) -> str:
        """Return the prefix of the results' names.

        Args:
            whole_name: whether to include the suffix of the file.
        """
        if self.path is None:
            return STDIN_STEM
        name = self.path.name if whole_name else photo_stem(self.path)
        return (self.folder / name).as_posix()

    def key(self, stem: str) -> _Key:
        """Return a key that is equal for two inputs if their results have the same names."""
        is_video = self.path is not None and is_video_name(self.path)
        return is_video, name_key(stem)


def output_file(stem: str, folder: Path, part: Part, overlay_format: OverlayFormat = "jpg") -> Path:
    """Return the path of a result file of a photograph."""
    suffix = "dcm" if part.startswith("dicom") else "png"
    if part == "overlay":
        suffix = overlay_format
    return folder / f"{stem}_{part}.{suffix}"


def is_result_name(path: Path) -> bool:
    """Return whether a file has the name of a result of edgeseg."""
    return path.name.casefold().endswith(_RESULT_ENDINGS)


def numbered_stem(stem: str, taken: Collection[str]) -> str:
    """Append a number to the stem of a page or a frame if an input has the same stem.

    Args:
        stem: prefix of result names.
        taken: name keys of the stems of inputs (`name_key`).
    """
    numbered, number = stem, 1
    while name_key(numbered) in taken:
        number += 1
        numbered = f"{stem}_{number}"
    return numbered


def distinct_stems(files: Sequence[PlacedFile]) -> list[str]:
    """Return the prefix of each input's result names. No two inputs have the same prefix."""
    if _folders_collide(files):
        files = place_below_common_folder(files)
    stems = [file.stem() for file in files]
    crowded = _repeated_keys(files, stems)
    for index, file in enumerate(files):
        if file.key(stems[index]) in crowded:
            stems[index] = file.stem(whole_name=True)
    return _number_repeated(files, stems)


def _repeated_keys(files: Sequence[PlacedFile], stems: Sequence[str]) -> set[_Key]:
    counts = Counter(file.key(stem) for file, stem in zip(files, stems, strict=True))
    return {key for key, count in counts.items() if count > 1}


def _folders_collide(files: Sequence[PlacedFile]) -> bool:
    """Return whether two files in different folders would have results with the same names."""
    if len({file.path.parent for file in files if file.path is not None}) < 2:
        return False
    parents: dict[_Key, str] = {}
    for file in files:
        if file.path is None:
            continue
        parent = os.path.abspath(file.path.parent)  # noqa: PTH100 - links are not resolved
        if parents.setdefault(file.key(file.stem()), parent) != parent:
            return True
    return False


def place_below_common_folder(files: Sequence[PlacedFile]) -> list[PlacedFile]:
    """Return the files with their folders, relative to the deepest folder that contains all."""
    parents = [
        os.path.abspath(file.path.parent)  # noqa: PTH100 - links are not resolved
        for file in files
        if file.path is not None
    ]
    common = os.path.commonpath(parents)
    placed: list[PlacedFile] = []
    for file in files:
        if file.path is None:
            placed.append(file)
            continue
        parent = os.path.abspath(file.path.parent)  # noqa: PTH100 - links are not resolved
        placed.append(PlacedFile(file.path, Path(os.path.relpath(parent, common))))
    return placed


def _number_repeated(files: Sequence[PlacedFile], stems: list[str]) -> list[str]:
    """Append a number to stems that differ only in case or Unicode normalization."""
    taken: set[_Key] = set()
    # Sort the stems, so that the numbers do not depend on the order of the inputs.
    for index in sorted(
        range(len(files)), key=lambda index: (stems[index], str(files[index].path))
    ):
        stem = stems[index]
        number = 1
        while files[index].key(stem) in taken:
            number += 1
            stem = f"{stems[index]}_{number}"
        taken.add(files[index].key(stem))
        stems[index] = stem
    return stems
