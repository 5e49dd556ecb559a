"""Photographs with soft labels: the probabilities of a teacher instead of a manual mask.

The folder has the layout of `pairs`. The masks are 8-bit PNG files: 255 is probability 1.
`edgeseg label` writes such folders.
"""

from dataclasses import dataclass
from pathlib import Path

from edgeseg.datasets import DataSet, LoadedPair, Pair, Split
from edgeseg.datasets.user_pairs import read_pairs
from edgeseg.errors import SystemSetupError
from edgeseg.imaging.photo import read_photo

# Name of soft labels in the training data of a checkpoint.
SOFT_LABELS = "soft labels"


@dataclass(frozen=True)
class SoftPair:
    """Photograph with the probability of a teacher. It is used only for training.

    Attributes:
        name: stem of the photograph's file.
        photo_file: photograph.
        label_file: probability, an 8-bit grey image.
    """

    name: str
    photo_file: Path
    label_file: Path

    @property
    def split(self) -> Split:
        """Split of the photograph."""
        return "train"

    def load(self) -> LoadedPair:
        """Load the photograph. `truth` contains the probabilities, scaled to 0 to 255.

        Raises:
            PhotoError: A file cannot be read.
            SystemSetupError: Photograph and label differ in size.
        """
        photo = read_photo(self.photo_file)
        label = read_photo(self.label_file)
        if label.shape != photo.shape:
            raise SystemSetupError(
                f"{self.label_file}: the soft label and {self.photo_file} differ in size. "
                "Create the label again."
            )
        return LoadedPair(photo, label[:, :, 0].copy(), None)


def open_soft_labels(folder: Path) -> DataSet:
    """Open a folder with `images/` and `masks/`.

    Raises:
        SystemSetupError: The folder has another layout.
    """
    pairs: tuple[Pair, ...] = tuple(
        SoftPair(pair.name, pair.photo_file, pair.truth_file) for pair in read_pairs(folder)
    )
    return DataSet(SOFT_LABELS, "train", pairs)
