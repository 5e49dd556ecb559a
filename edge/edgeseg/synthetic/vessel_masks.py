"""Vessel trees -> what they cover and how much light they take, per pixel."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask
from edgeseg.synthetic.scene import Scene
from edgeseg.synthetic.vessel_tree import Tree

_SHIFT = 4  # OpenCV's fixed-point places: sixteenths of a fine pixel
# (share of the width, light taken): nested strokes make a round vessel. Wide arteries shine in their middle.
_VEIN = ((1.0, 0.62), (0.74, 0.88), (0.42, 1.0))
_ARTERY = ((1.0, 0.70), (0.74, 1.0), (0.34, 0.34))
_REFLEX_FROM = 0.0042  # half width from which the reflex shows
_FAINTEST = 0.28  # light that the thinnest vessel takes, a share of the widest one's


@dataclass(frozen=True)
class Vessels:
    """Both trees on the pixels.

    Attributes:
        veins: (S, S) float32, 0 to 1, how much light the veins take.
        arteries: (S, S) float32, the same of the arteries.
        extent: (S, S) uint8, 255 where a vessel covers at least half of the pixel.
    """

    veins: npt.NDArray[np.float32]
    arteries: npt.NDArray[np.float32]
    extent: Mask


def stroke(veins: Tree, arteries: Tree, scene: Scene, size: int) -> Vessels:
    """Draw both trees on a finer frame and bring them down to `size` pixels."""
    fine = 4 if size <= 1024 else 2
    pens = [_Pen(tree, scene, size, fine) for tree in (veins, arteries)]
    extent = np.zeros((size * fine, size * fine), np.uint8)
    for pen in pens:
        # Who labels by hand marks a vessel thinner than a pixel one pixel wide.
        pen.lines(extent, np.maximum(pen.widths, fine), np.full(len(pen.widths), 255))
    covered = cv2.resize(extent, (size, size), interpolation=cv2.INTER_AREA)
    return Vessels(
        pens[0].shade(_VEIN, size),
        pens[1].shade(_ARTERY, size),
        np.where(covered >= 127, 255, 0).astype(np.uint8),
    )


class _Pen:
    """One tree's pieces in fine pixels, ready to be drawn."""

    def __init__(self, tree: Tree, scene: Scene, size: int, fine: int) -> None:
        inner = np.flatnonzero(tree.parents >= 0)
        ends = np.stack([tree.points[inner], tree.points[tree.parents[inner]]], 1)
        pixels = (scene.centre + scene.radius * ends) * size * fine - 0.5
        self.pieces = np.rint(pixels * (1 << _SHIFT)).astype(np.int32)
        self.radii = tree.radii[inner]
        self.widths = 2 * self.radii * scene.radius * size * fine
        self.side = size * fine

    def lines(
        self, canvas: Mask, widths: npt.NDArray[np.float64], greys: npt.NDArray[np.floating]
    ) -> None:
        """Draw the pieces, wide ones over thin ones; one call a width, for speed."""
        whole = np.maximum(np.rint(widths), 1).astype(int)
        for width in np.unique(whole):
            chosen = whole == width
            grey = float(np.rint(greys[chosen].mean()))
            cv2.polylines(
                canvas, list(self.pieces[chosen]), False, grey, int(width), cv2.LINE_8, _SHIFT
            )

    def shade(self, profile: tuple[tuple[float, float], ...], size: int) -> npt.NDArray[np.float32]:
        """Light taken (size, size), 0 to 1, from the edge of the vessels inwards."""
        canvas = np.zeros((self.side, self.side), np.uint8)
        depth = _FAINTEST + (1 - _FAINTEST) * np.sqrt(self.radii / self.radii.max())
        for share, light in profile:
            reflex = light < profile[0][1]
            shown = np.clip(self.radii / _REFLEX_FROM - 1, 0, 1) if reflex else 1.0
            self.lines(canvas, self.widths * share, 255 * depth * (1 - (1 - light) * shown))
        small = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
        return np.asarray(small / np.float32(255), dtype=np.float32)
