"""Prepared photographs for the checks. All precisions share one copy in memory."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseg.datasets import Pair
from edgeseg.evaluation.protocols import Comparison
from edgeseg.evaluation.scores import Scores
from edgeseg.imaging.arrays import Mask, Photo, Probability
from edgeseg.postprocess import resize_to_photo, threshold_at_photo_size
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import Placement, prepare

PackedMask: TypeAlias = npt.NDArray[np.uint8]

# Argument for comparisons that do not use the photograph.
NO_PHOTO: Photo = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class PreparedPair:
    """Network input of a photograph, and masks at the photograph's original size.

    The rows of a mask are packed to one bit per pixel, (H, ceil(W / 8)) uint8. An 8-megapixel
    photograph requires 11 MB at a working size of 1408 pixels.

    Attributes:
        data_set: name of the data set.
        name: name of the photograph, unique in its data set.
        tensor: (1, size, size, 3) uint8 RGB, network input.
        inside: (size, size) uint8 {0, 255}, field of view at the working size.
        placement: mapping between the photograph and the network input.
        fov: packed field of view.
        truth: packed vessel mask of the reference observer.
        counted: packed mask of the scored pixels (the published field of view without ignored
            pixels); None for the whole frame.
    """

    data_set: str
    name: str
    tensor: npt.NDArray[np.uint8]
    inside: Mask
    placement: Placement
    fov: PackedMask
    truth: PackedMask
    counted: PackedMask | None

    def unpack(self, packed: PackedMask) -> Mask:
        """Return one of the masks as (H, W) uint8 {0, 255}."""
        pixels = np.unpackbits(packed, axis=1, count=self.placement.frame[1])
        return np.multiply(pixels, 255, dtype=np.uint8)

    def segment(self, probability: Probability, threshold: float) -> Mask:
        """Return the vessel mask at the photograph's original size.

        Args:
            probability: (size, size) float32 at the working size.
            threshold: vessel probability threshold.

        Returns:
            (H, W) uint8 {0, 255}, 0 outside the field of view.
        """
        return threshold_at_photo_size(
            probability, self.placement, self.unpack(self.fov), threshold
        )

    def score(self, probability: Probability, threshold: float) -> Scores:
        """Return the scores of the `native` protocol, as in `edgeseg evaluate`."""
        return Comparison(
            NO_PHOTO,
            resize_to_photo(probability, self.placement, self.unpack(self.fov)),
            self.segment(probability, threshold),
            self.unpack(self.truth),
            None if self.counted is None else self.unpack(self.counted),
        ).scores()


def prepare_pair(data_set: str, pair: Pair, config: PreprocessingConfig) -> PreparedPair:
    """Load a photograph, detect its field of view, and prepare it.

    Raises:
        PhotoError: The photograph cannot be read, or is not a fundus photograph.
    """
    loaded = pair.load()
    prepared = prepare(loaded.photo, config, pair.name)
    return PreparedPair(
        data_set=data_set,
        name=pair.name,
        tensor=prepared.tensor,
        inside=prepared.inside,
        placement=prepared.placement,
        fov=np.packbits(prepared.fov.mask, axis=1),
        truth=np.packbits(loaded.truth, axis=1),
        counted=None if loaded.counted is None else np.packbits(loaded.counted, axis=1),
    )
