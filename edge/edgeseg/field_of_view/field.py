"""Field of view: the part of a photograph that shows the retina."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgeseg.field_of_view.ellipse import FovEllipse
from edgeseg.imaging.arrays import Box, Mask


@dataclass(frozen=True, eq=False)
class FieldOfView:
    """Field of view of a photograph.

    Attributes:
        mask: (H, W) uint8, 255 inside, 0 outside.
        box: bounding box of the mask.
        rim: ellipse of the field's edge, which may extend beyond the frame; None if no ellipse was
            fitted.
        overlapping: whether this field consists of several overlapping round fields.
    """

    mask: Mask
    box: Box
    rim: FovEllipse | None = None
    overlapping: bool = False

    @property
    def diameter(self) -> float:
        """Diameter of the rim in pixels, or the longer side of the box if there is no rim."""
        if self.rim is None:
            return float(max(self.box.width, self.box.height))
        return 2 * self.rim.radius

    def moved_to_frame(self, place: Box, shape: tuple[int, ...]) -> FieldOfView:
        """Convert a field of a crop to a field of the photograph.

        Args:
            place: position of the crop in the photograph.
            shape: height and width of the photograph.
        """
        mask = np.zeros(shape[:2], np.uint8)
        mask[place.rows, place.columns] = self.mask
        rim = self.rim and self.rim.moved(place.left, place.top)
        return field_from_mask(mask, rim, self.overlapping)


def field_from_mask(
    mask: Mask, rim: FovEllipse | None = None, overlapping: bool = False
) -> FieldOfView:
    """Create a field of view from its mask, (H, W) uint8 {0, 255}."""
    return FieldOfView(mask, Box(*cv2.boundingRect(mask)), rim, overlapping)
