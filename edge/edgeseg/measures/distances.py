"""Distance of vessel pixels from the background."""

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask
from edgeseg.measures.image_rows import select_rows, split_image
from edgeseg.measures.pixel_graph import Indices

Distances = npt.NDArray[np.float32]

_MARGIN = 64  # rows above and below a band; larger if the vessels are wider


class DistanceMap:
    """Distance of each pixel from the background. It is computed in bands for a large mask.

    Args:
        mask: (H, W) uint8 {0, 255}.
        precision: size of OpenCV's distance mask.
    """

    def __init__(self, mask: Mask, precision: int = cv2.DIST_MASK_5) -> None:
        self._mask = mask
        self._precision = precision
        self._bands = split_image(mask.shape)
        self._whole = self._compute(mask) if len(self._bands) == 1 else None

    def at(self, rows: Indices, columns: Indices) -> Distances:
        """Return the distances at pixels, (N,) float32.

        Args:
            rows: (N,) int64.
            columns: (N,) int64.
        """
        if self._whole is not None:
            return self._whole[rows, columns]
        distances = np.empty(len(rows), np.float32)
        for band in self._bands:
            selected = select_rows(rows, band, len(self._mask))
            if not len(selected):
                continue
            values = self._read(band)
            distances[selected] = values[rows[selected] - band.start, columns[selected]]
        return distances

    def _read(self, band: slice) -> Distances:
        """Return the distances in a band.

        They are equal to the distances in the whole mask if the margin is at least as large as the
        distances.
        """
        margin = _MARGIN
        while True:
            top = max(0, band.start - margin)
            part = self._mask[top : band.stop + margin]
            values = self._compute(part)[band.start - top : band.stop - top]
            if len(part) == len(self._mask) or values.max() <= margin:
                return values
            margin *= 4

    def _compute(self, mask: Mask) -> Distances:
        return np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, self._precision), np.float32)
