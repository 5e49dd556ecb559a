"""A photograph with its manual vessel mask."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from edgeseg.errors import SystemSetupError
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.photo import read_mask, read_photo

Split: TypeAlias = Literal["train", "validation", "test"]
SplitChoice: TypeAlias = Literal["train", "validation", "test", "all"]


@dataclass(frozen=True, eq=False)
class LoadedPair:
    """A photograph and its masks, loaded into memory.

    Attributes:
        photo: (H, W, 3) uint8 RGB.
        truth: (H, W) uint8 {0, 255}, vessel mask of the first observer.
        fov: (H, W) uint8 {0, 255}, published field of view; None if none is published.
    """

    photo: Photo
    truth: Mask
    fov: Mask | None


class Pair(Protocol):
    """A photograph with its vessel mask, loaded on request."""

    @property
    def name(self) -> str:
        """Stem of the photograph's file, unique in its data set."""

    @property
    def split(self) -> Split | None:
        """Split of the photograph; None if the data set defines none."""

    def load(self) -> LoadedPair:
        """Load the pair into memory."""


@dataclass(frozen=True)
class FilePair:
    """A pair stored in files.

    Attributes:
        name: stem of the photograph's file, unique in its data set.
        split: split of the photograph; None if the data set defines none.
        photo_file: photograph.
        truth_file: vessel mask of the first observer.
        fov_file: published field of view; None if none is published.
        second_file: vessel mask of a second human observer, which need not exist.
    """

    name: str
    split: Split | None
    photo_file: Path
    truth_file: Path
    fov_file: Path | None = None
    second_file: Path | None = None

    def check_complete(self) -> None:
        """Check that the mask files exist.

        Raises:
            SystemSetupError: a file is missing; the message names it.
        """
        for file in (self.truth_file, self.fov_file):
            if file is not None and not file.exists():
                raise SystemSetupError(
                    f"{self.photo_file}: mask {file} not found. Add it or remove the photograph."
                )

    def load(self) -> LoadedPair:
        """Load the pair into memory.

        Raises:
            PhotoError: a file cannot be read.
            SystemSetupError: a mask and its photograph differ in size, or a mask is empty.
        """
        photo = read_photo(self.photo_file)
        truth = _read_mask_of_size(self.truth_file, photo)
        if not truth.any():
            raise SystemSetupError(
                f"{self.truth_file}: the mask is black (no vessel). Correct it or remove the pair."
            )
        fov = None
        if self.fov_file is not None:
            fov = _read_mask_of_size(self.fov_file, photo)
            if not fov.any():  # no pixel would be counted, and every score would be a perfect 1
                raise SystemSetupError(
                    f"{self.fov_file}: the field of view is empty. Correct or remove it."
                )
        return LoadedPair(photo, truth, fov)


def read_second_observer_mask(pair: Pair, photo: Photo) -> Mask:
    """Read the vessel mask of a second human observer.

    Args:
        pair: pair that the mask belongs to.
        photo: (H, W, 3) uint8 RGB, photograph of the pair.

    Returns:
        (H, W) uint8 {0, 255}.

    Raises:
        PhotoError: the file cannot be read.
        SystemSetupError: no such mask exists, or its size differs from the photograph's.
    """
    file = pair.second_file if isinstance(pair, FilePair) else None
    if file is None or not file.exists():
        detail = file or "only drive, stare and chasedb1 have one"
        raise SystemSetupError(f"mask of a second observer not found ({detail})")
    return _read_mask_of_size(file, photo)


def _read_mask_of_size(file: Path, photo: Photo) -> Mask:
    """Read a mask that must have the size of its photograph."""
    mask = read_mask(file)
    height, width = photo.shape[:2]
    if mask.shape != (height, width):
        raise SystemSetupError(
            f"{file}: the mask has {mask.shape[1]}x{mask.shape[0]} pixels, its photograph "
            f"{width}x{height}. Both must have the same size."
        )
    return mask
