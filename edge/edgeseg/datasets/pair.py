"""A photograph with its manual vessel mask."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeAlias

from edgeseg.datasets.mask_values import MaskValues, decode_mask_values
from edgeseg.datasets.plausibility import check_field, check_vessels
from edgeseg.errors import InvalidImageError, SystemSetupError
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.file_headers import peek_header
from edgeseg.imaging.orientation import UPRIGHT, read_orientation
from edgeseg.imaging.photo import decode_photo, read_photo_bytes

Split: TypeAlias = Literal["train", "validation", "test"]
SplitChoice: TypeAlias = Literal["train", "validation", "test", "all"]


@dataclass(frozen=True, eq=False)
class LoadedPair:
    """A photograph and its masks, loaded into memory.

    Attributes:
        photo: (H, W, 3) uint8 RGB.
        truth: (H, W) uint8 {0, 255}, vessel mask of the first observer.
        fov: (H, W) uint8 {0, 255}, published field of view; None if it is not published.
        ignored: (H, W) uint8 {0, 255}, pixels without a label; None if all pixels have a label.
        notes: information for the user about the masks. Masks of the same kind have equal notes.
        misoriented: description of the problem if the EXIF orientations of photograph and mask
            differ; otherwise empty.
    """

    photo: Photo
    truth: Mask
    fov: Mask | None
    ignored: Mask | None = None
    notes: tuple[str, ...] = ()
    misoriented: str = ""

    @property
    def counted(self) -> Mask | None:
        """(H, W) uint8 {0, 255}, area in which pixels are scored; None for the whole frame."""
        if self.ignored is None:
            return self.fov
        labelled: Mask = ~self.ignored
        return labelled if self.fov is None else self.fov & labelled


class Pair(Protocol):
    """A photograph with its vessel mask, loaded on request."""

    @property
    def name(self) -> str:
        """Stem of the photograph's file, unique in its data set."""

    @property
    def split(self) -> Split | None:
        """Split of the photograph; None if the data set defines no split."""

    def load(self) -> LoadedPair:
        """Load the pair into memory."""


@dataclass(frozen=True)
class FilePair:
    """A pair stored in files.

    Attributes:
        name: stem of the photograph's file, unique in its data set.
        split: split of the photograph; None if the data set defines no split.
        photo_file: photograph.
        truth_file: vessel mask of the first observer.
        fov_file: published field of view; None if it is not published.
        second_file: vessel mask of a second human observer; the file may be missing.
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
            SystemSetupError: A file is missing. The message contains its name.
        """
        for file in (self.truth_file, self.fov_file):
            if file is not None and not file.exists():
                raise SystemSetupError(
                    f"{self.photo_file}: mask {file} not found. Add this mask or remove the "
                    "photograph."
                )

    def load(self) -> LoadedPair:
        """Load the pair into memory.

        Raises:
            PhotoError: A file cannot be read.
            SystemSetupError: A mask and its photograph differ in size, or the vessel mask or the
                field of view is implausible.
        """
        data = read_photo_bytes(self.photo_file)
        photo = decode_photo(data, str(self.photo_file))
        orientation = read_orientation(data)
        del data  # reduces the peak memory
        truth = _read_mask(self.truth_file, photo, orientation)
        fov_file = None if self.fov_file is None else _read_mask(self.fov_file, photo, orientation)
        fov = None if fov_file is None else fov_file.values.marked
        problem = check_vessels(truth.values, photo, fov, truth.transparent)
        if problem:
            raise SystemSetupError(f"{self.truth_file}: {problem}")
        if fov_file is not None:
            problem = check_field(fov_file.values.marked, photo, truth.values.marked)
            if problem:
                raise SystemSetupError(f"{self.fov_file}: {problem}")
        classes = truth.values.describe_classes()
        misoriented = truth.misoriented or ("" if fov_file is None else fov_file.misoriented)
        return LoadedPair(
            photo,
            truth.values.marked,
            fov,
            truth.values.ignored,
            (f"masks with {classes}",) if classes else (),
            misoriented,
        )


def read_second_observer_mask(pair: Pair, photo: Photo) -> Mask:
    """Read the vessel mask of a second human observer.

    Args:
        pair: pair to which the mask belongs.
        photo: (H, W, 3) uint8 RGB, photograph of the pair.

    Returns:
        (H, W) uint8 {0, 255}.

    Raises:
        PhotoError: The file cannot be read.
        SystemSetupError: The mask does not exist, or mask and photograph differ in size.
    """
    file = pair.second_file if isinstance(pair, FilePair) else None
    if file is None or not file.exists():
        detail = file or "only drive, stare and chasedb1 have a second observer"
        raise SystemSetupError(
            f"mask of a second observer not found ({detail}). Omit --second-observer or this data "
            "set."
        )
    return _read_mask(file, photo, UPRIGHT).values.marked


class _ReadMask(NamedTuple):
    values: MaskValues
    transparent: bool
    misoriented: str


def _read_mask(file: Path, photo: Photo, orientation: int) -> _ReadMask:
    """Read a mask and check that it has the size of its photograph.

    Args:
        file: mask file.
        photo: (H, W, 3) uint8 RGB, photograph of the mask.
        orientation: EXIF orientation of the photograph.
    """
    data = read_photo_bytes(file)
    image = decode_photo(data, str(file))
    own_orientation = read_orientation(data)
    misoriented = _describe_orientations(orientation, own_orientation)
    height, width = photo.shape[:2]
    if image.shape != photo.shape:
        cause = f"; {misoriented}" if misoriented else ""
        raise SystemSetupError(
            f"{file}: the mask has {image.shape[1]}x{image.shape[0]} pixels, but its "
            f"photograph has {width}x{height}{cause}. Both must have the same size."
        )
    return _ReadMask(decode_mask_values(image), _has_transparency(data), misoriented)


def _describe_orientations(photo: int, mask: int) -> str:
    """Describe the difference between the EXIF orientations; empty if they are equal."""
    if photo == mask:
        return ""
    if mask == UPRIGHT:
        return f"the EXIF orientation ({photo}) rotates the photograph, but not the mask"
    if photo == UPRIGHT:
        return f"the EXIF orientation ({mask}) rotates the mask, but not the photograph"
    return f"the EXIF orientations of the photograph ({photo}) and the mask ({mask}) differ"


def _has_transparency(data: bytes) -> bool:
    try:
        header = peek_header(data)
    except InvalidImageError:  # gzipped
        return False
    return header is not None and header.alpha
