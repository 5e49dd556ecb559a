"""Frozen frames: a camera or a link that hangs delivers the same picture again and again."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.arrays import Photo

_SIZE = 160  # pixels of the sample's longer side
_SAME, _STILL_THE_SAME = 0.6, 0.95
"""Mean difference, of 255 grey levels, up to which a sample shows the same picture, and up to which it still does.

A frozen stretch comes out of MPEG-4 with 0 to 0.3, but at a key frame with up to 0.9; an eye that moves by one pixel of
720, with 0.7 and more.
"""


@dataclass
class Repeats:
    """Counts how often a stream's last picture came again."""

    count: int = 0
    _last: npt.NDArray[np.uint8] | None = None

    def of(self, photo: Photo) -> int:
        """The next frame (H, W, 3) uint8 RGB -> how many frames directly before it showed the same."""
        step = max(1, max(photo.shape[:2]) // _SIZE)
        sample = np.ascontiguousarray(photo[step // 2 :: step, step // 2 :: step])
        last, self._last = self._last, sample
        limit = _STILL_THE_SAME if self.count else _SAME
        same = last is not None and last.shape == sample.shape and _difference(last, sample) < limit
        self.count = self.count + 1 if same else 0
        return self.count


def _difference(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> float:
    return float(cv2.norm(first, second, cv2.NORM_L1)) / first.size
