"""Detection of one round field of view in a thumbnail."""

import cv2
import numpy as np

from edgeseg.field_of_view import render, thresholding
from edgeseg.field_of_view.ellipse import FovEllipse
from edgeseg.field_of_view.field import FieldOfView, field_from_mask
from edgeseg.field_of_view.thresholding import FovCandidate
from edgeseg.field_of_view.thumbnail import Thumbnail

_MAX_BEYOND = 0.02  # bright area beyond the field, as a share of the field's area
_MAX_BAR_DEVIATION = 8.0  # standard deviation along an edge of the frame; a retina has more


class RoundField:
    """Round field of view in a thumbnail.

    Args:
        candidate: candidate with an ellipse.
        candidates: all candidates, in which straight edges are detected.
        thumbnail: thumbnail of the photograph.
    """

    def __init__(
        self, candidate: FovCandidate, candidates: list[FovCandidate], thumbnail: Thumbnail
    ) -> None:
        assert candidate.ellipse is not None
        self.ellipse: FovEllipse = candidate.ellipse
        self._candidate = candidate
        self._candidates = candidates
        self._thumbnail = thumbnail

    @property
    def radius(self) -> float:
        """Radius of the field of view, in pixels of the photograph."""
        return self.ellipse.radius * self._thumbnail.factor

    @property
    def is_alone(self) -> bool:
        """True if no bright pixels, such as another field or a margin, are beyond the field."""
        bright = self._candidate.bright
        level = self._thumbnail.level
        for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
            if bright[edge].all() and level[edge].std() < _MAX_BAR_DEVIATION:
                return False
        inside = np.zeros_like(bright)
        render.fill_ellipse(inside, self.ellipse.expanded(1), 1)
        beyond = cv2.countNonZero(bright) - cv2.countNonZero(cv2.bitwise_and(bright, inside))
        return beyond <= _MAX_BEYOND * cv2.countNonZero(inside)

    def to_field_of_view(self, shape: tuple[int, ...]) -> FieldOfView:
        """Draw the field of view at the size of the photograph.

        Args:
            shape: height and width of the photograph.
        """
        thumbnail = self._thumbnail
        edges = thresholding.visible_straight_edges(self.ellipse, self._candidates, thumbnail)
        mask = render.render_ellipse(self.ellipse, edges, self._candidate.region, thumbnail, shape)
        rim = self.ellipse.expanded(0.5).scaled(thumbnail.factor, thumbnail.shift)
        return field_from_mask(mask, rim)


def detect_round_field(candidates: list[FovCandidate], thumbnail: Thumbnail) -> RoundField | None:
    """Detect the round field of view of a thumbnail. Return None if no round field is visible.

    Args:
        candidates: regions of the thumbnail above several levels.
        thumbnail: thumbnail of the photograph.
    """
    best = thresholding.select_candidate(candidates, thumbnail)
    return None if best is None else RoundField(best, candidates, thumbnail)
