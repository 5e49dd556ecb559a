"""A photograph with its manual vessel mask: what every reader yields."""

from __future__ import annotations

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
    """A pair in memory.

    Attributes:
        photo: (H, W, 3) uint8 RGB.
        truth: (H, W) uint8 {0, 255}, the reference observer's vessels.
        fov: (H, W) uint8 {0, 255}, the published field of view; None where none is published.
    """

    photo: Photo
    truth: Mask
    fov: Mask | None


class Pair(Protocol):
    """One photograph with its vessels."""

    @property
    def name(self) -> str:
        """The photograph's stem, unique in its data set."""
        ...

    @property
    def split(self) -> Split | None:
        """The part it belongs to; None where its data set does not say."""
        ...

    def load(self) -> LoadedPair:
        """The pair in memory."""
        ...


@dataclass(frozen=True)
class FilePair:
    """A pair whose parts are files; `second_file` holds the vessels as a second human observer saw them."""

    name: str
    split: Split | None
    photo_file: Path
    truth_file: Path
    fov_file: Path | None = None
    second_file: Path | None = None

    def check_complete(self) -> None:
        """Every file is there.

        Raises:
            SurroundingsError: one is not; the message names it.
        """
        for file in (self.truth_file, self.fov_file):
            if file is not None and not file.exists():
                raise SystemSetupError(
                    f"{self.photo_file}: its mask {file} is missing; put it there or remove the pair"
                )

    def load(self) -> LoadedPair:
        """The pair in memory.

        Raises:
            PhotographError: a file cannot be read.
            SurroundingsError: a mask's size is not the photograph's, no vessel is marked, or the field of view
                is empty.
        """
        photo = read_photo(self.photo_file)
        truth = _read_mask_for(photo, self.truth_file)
        if not truth.any():
            raise SystemSetupError(
                f"{self.truth_file}: no vessel is marked (all black); mend it or remove the pair"
            )
        fov = None if self.fov_file is None else _read_mask_for(photo, self.fov_file)
        if fov is not None and not fov.any():
            # Nothing would be counted, and every score be a perfect 1.
            raise SystemSetupError(
                f"{self.fov_file}: the field of view is empty (all black); mend or remove it"
            )
        return LoadedPair(photo, truth, fov)


def second_observer_mask(pair: Pair, photo: Photo) -> Mask:
    """The vessels of a second human observer, (H, W) uint8 {0, 255}.

    Raises:
        PhotographError: the file cannot be read.
        SurroundingsError: there is none, or it is not of the photograph's size.
    """
    file = pair.second_file if isinstance(pair, FilePair) else None
    if file is None or not file.exists():
        raise SystemSetupError(
            f"no mask of a second observer ({file or 'published for drive, stare and chasedb1'})"
        )
    return _read_mask_for(photo, file)


def _read_mask_for(photo: Photo, file: Path) -> Mask:
    mask = read_mask(file)
    if mask.shape != photo.shape[:2]:
        have, want = (f"{shape[1]}x{shape[0]}" for shape in (mask.shape, photo.shape[:2]))
        raise SystemSetupError(
            f"{file}: the mask is {have} pixels, its photograph {want}; both must be of one size"
        )
    return mask
