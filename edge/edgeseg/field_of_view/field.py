"""Field of view: the part of a photograph that shows the retina."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from edgeseg.field_of_view.ellipse import FovEllipse
from edgeseg.imaging.arrays import Box, Mask


@dataclass(frozen=True, eq=False)
class FieldOfView:
    """Field of view of a photograph.

    Attributes:
        mask: (H, W) uint8, 255 in the field of view, 0 outside.
        box: bounding box of the mask; if `is_cut` is true, bounding box of the visible rim.
        rim: ellipse of the field's edge, which may extend beyond the frame; None if no ellipse was
            fitted.
        overlapping: whether this field consists of several overlapping round fields.
        is_cut: whether a frame line that was drawn into the photograph cuts the field.
    """

    mask: Mask
    box: Box
    rim: FovEllipse | None = None
    overlapping: bool = False
    is_cut: bool = False

    @cached_property
    def area(self) -> int:
        """Number of pixels in the field of view."""
        return cv2.countNonZero(self.mask)

    @property
    def diameter(self) -> float:
        """Diameter of the rim in pixels, or the longer side of the box if the field has no rim."""
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
        moved = field_from_mask(mask, rim, self.overlapping)
        if not self.is_cut:
            return moved
        left, top = self.box.left + place.left, self.box.top + place.top
        return replace(moved, box=self.box._replace(left=left, top=top), is_cut=True)

    def widened(self, inner: Box, outer: Box) -> FieldOfView:
        """Extend the box to the rim at each frame line that cuts the field.

        The network is sensitive to the position of the crop. For example, if the first and the last
        row of an HRF photograph are removed, the Dice between the old and the new mask is 0.95. The
        part of the field outside the frame line is not added to the mask.

        Args:
            inner: part of the photograph inside its frame lines.
            outer: part of the photograph inside its margins.
        """
        rim, (left, top, width, height) = self.rim, self.box
        if rim is None:
            return self
        right, bottom = left + width, top + height
        if left == inner.left:
            left = min(left, max(outer.left, math.floor(rim.x - rim.radius_x)))
        if top == inner.top:
            top = min(top, max(outer.top, math.floor(rim.y - rim.radius_y)))
        if right == inner.left + inner.width:
            right = max(right, min(outer.left + outer.width, math.ceil(rim.x + rim.radius_x)))
        if bottom == inner.top + inner.height:
            bottom = max(bottom, min(outer.top + outer.height, math.ceil(rim.y + rim.radius_y)))
        box = Box(left, top, right - left, bottom - top)
        return self if box == self.box else replace(self, box=box, is_cut=True)


def field_from_mask(
    mask: Mask, rim: FovEllipse | None = None, overlapping: bool = False
) -> FieldOfView:
    """Create a field of view from its mask, (H, W) uint8 {0, 255}."""
    return FieldOfView(mask, Box(*cv2.boundingRect(mask)), rim, overlapping)
