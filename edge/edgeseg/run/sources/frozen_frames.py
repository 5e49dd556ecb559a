"""Detection of frozen live sources, which return the same image repeatedly.

Because of sensor noise, two images of a live source are never identical unless the source is
frozen. Frames of a video file are not checked, because codecs remove noise and may encode a
repeated image differently.
"""

import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Photo

_SAMPLE_SIDE = 160  # longer side in pixels of the compared sample


class FrozenFrameDetector:
    """Counter of consecutive identical frames.

    Attributes:
        repeats: number of frames directly before the last frame that are identical to it.
    """

    def __init__(self) -> None:
        self.repeats = 0
        self._previous: npt.NDArray[np.uint8] | None = None

    def count_repeats(self, photo: Photo) -> int:
        """Compare the next frame with the previous one and return the number of repeats.

        Args:
            photo: (H, W, 3) uint8 RGB.
        """
        step = max(1, max(photo.shape[:2]) // _SAMPLE_SIDE)
        sample = photo[::step, ::step].copy()
        is_repeat = self._previous is not None and np.array_equal(sample, self._previous)
        self.repeats = self.repeats + 1 if is_repeat else 0
        self._previous = sample
        return self.repeats
