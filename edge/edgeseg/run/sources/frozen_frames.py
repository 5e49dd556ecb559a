"""Frozen live sources: a camera or a link that hangs delivers the same picture repeatedly.

Sensor noise makes any two pictures of a live source differ, so that only identical pictures are
repeats. Frames of a video file are not checked: a codec changes repeated pictures and removes the
noise of others.
"""

import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Photo

_SAMPLE_SIDE = 160  # pixels of the longer side of the sample that is compared


class FrozenFrameDetector:
    """Count how many frames in a row are identical to the frame before them.

    Attributes:
        repeats: number of frames directly before the last one that are identical to it.
    """

    def __init__(self) -> None:
        self.repeats = 0
        self._previous: npt.NDArray[np.uint8] | None = None

    def count_repeats(self, photo: Photo) -> int:
        """Compare the next frame with the previous one and return `repeats`.

        Args:
            photo: (H, W, 3) uint8 RGB.
        """
        step = max(1, max(photo.shape[:2]) // _SAMPLE_SIDE)
        sample = photo[::step, ::step].copy()
        is_repeat = self._previous is not None and np.array_equal(sample, self._previous)
        self.repeats = self.repeats + 1 if is_repeat else 0
        self._previous = sample
        return self.repeats
