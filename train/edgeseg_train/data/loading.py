"""Loading of a pair for training or validation."""

import numpy as np

from edgeseg.datasets import LoadedPair, Pair
from edgeseg.errors import SystemSetupError
from edgeseg.imaging.arrays import Mask
from edgeseg.preprocessing.prepare import Prepared, resize_coverage_to_input


def load_pair(pair: Pair) -> LoadedPair:
    """Load a pair.

    Raises:
        SystemSetupError: The mask is implausible, or the EXIF orientations of photograph and mask
            differ. These errors would not be visible in the result of a training run.
    """
    loaded = pair.load()
    if loaded.misoriented:
        raise SystemSetupError(
            f"{pair.name}: {loaded.misoriented}. Save both files without an EXIF orientation."
        )
    return loaded


def resize_ignored(ignored: Mask | None, prepared: Prepared) -> Mask | None:
    """Resize the ignored pixels to the network input.

    Args:
        ignored: (H, W) uint8 {0, 255}, pixels without a label; None if all pixels have a label.
        prepared: prepared photograph.

    Returns:
        (size, size) uint8 {0, 255}. Partly ignored pixels are ignored.
    """
    if ignored is None:
        return None
    coverage = resize_coverage_to_input(ignored, prepared.placement)
    return np.multiply(coverage > 0, 255, dtype=np.uint8)
