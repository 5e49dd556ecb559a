"""Rendering of vessel trees: a mask of the vessels, and maps of their light absorption."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Mask
from edgeseg.synthetic.scene import Scene
from edgeseg.synthetic.vessel_tree import VesselTree

_FRACTION_BITS = 4  # fraction bits of OpenCV's fixed-point coordinates
# A vessel with a round cross-section is drawn as nested strokes: share of the width, and
# absorption. The last stroke of wide arteries is the bright central reflex.
_VEIN_PROFILE = ((1.0, 0.62), (0.74, 0.88), (0.42, 1.0))
_ARTERY_PROFILE = ((1.0, 0.70), (0.74, 1.0), (0.34, 0.34))
_MIN_REFLEX_RADIUS = 0.0042
_MIN_ABSORPTION = 0.28  # absorption of the thinnest vessel, relative to the widest vessel


@dataclass(frozen=True)
class VesselMasks:
    """Rendered veins and arteries.

    Attributes:
        veins: (S, S) float32, absorption of the veins, 0 to 1.
        arteries: (S, S) float32, absorption of the arteries, 0 to 1.
        extent: (S, S) uint8, 255 if vessels cover at least half of the pixel.
    """

    veins: npt.NDArray[np.float32]
    arteries: npt.NDArray[np.float32]
    extent: Mask


def draw_vessels(veins: VesselTree, arteries: VesselTree, scene: Scene, size: int) -> VesselMasks:
    """Draw both trees at a higher resolution and reduce them to `size` x `size` pixels."""
    scale = 4 if size <= 1024 else 2
    pens = [_TreePen(tree, scene, size, scale) for tree in (veins, arteries)]
    extent = np.zeros((size * scale, size * scale), np.uint8)
    for pen in pens:
        # Vessels are at least one pixel wide in the mask, as in manual masks.
        pen.draw(extent, np.maximum(pen.widths, scale), np.full(len(pen.widths), 255))
    covered = cv2.resize(extent, (size, size), interpolation=cv2.INTER_AREA)
    return VesselMasks(
        pens[0].draw_absorption(_VEIN_PROFILE, size),
        pens[1].draw_absorption(_ARTERY_PROFILE, size),
        np.where(covered >= 127, 255, 0).astype(np.uint8),
    )


class _TreePen:
    """Segments of one tree in pixels of the higher resolution."""

    def __init__(self, tree: VesselTree, scene: Scene, size: int, scale: int) -> None:
        inner = np.flatnonzero(tree.parents >= 0)
        ends = np.stack([tree.points[inner], tree.points[tree.parents[inner]]], 1)
        pixels = (scene.centre + scene.radius * ends) * size * scale - 0.5
        self.segments = np.rint(pixels * (1 << _FRACTION_BITS)).astype(np.int32)
        self.radii = tree.radii[inner]
        self.widths = 2 * self.radii * scene.radius * size * scale
        self.side = size * scale

    def draw(
        self, canvas: Mask, widths: npt.NDArray[np.float64], greys: npt.NDArray[np.floating]
    ) -> None:
        """Draw the segments with one call per width, from thin to wide."""
        rounded = np.maximum(np.rint(widths), 1).astype(int)
        for width in np.unique(rounded):
            selected = rounded == width
            grey = float(np.rint(greys[selected].mean()))
            lines = list(self.segments[selected])
            cv2.polylines(canvas, lines, False, grey, int(width), cv2.LINE_8, _FRACTION_BITS)

    def draw_absorption(
        self, profile: tuple[tuple[float, float], ...], size: int
    ) -> npt.NDArray[np.float32]:
        """Draw the absorption with one stroke per entry of `profile`, (size, size), 0 to 1."""
        canvas = np.zeros((self.side, self.side), np.uint8)
        depth = _MIN_ABSORPTION + (1 - _MIN_ABSORPTION) * np.sqrt(self.radii / self.radii.max())
        for share, absorption in profile:
            is_reflex = absorption < profile[0][1]
            visible = np.clip(self.radii / _MIN_REFLEX_RADIUS - 1, 0, 1) if is_reflex else 1.0
            self.draw(canvas, self.widths * share, 255 * depth * (1 - (1 - absorption) * visible))
        reduced = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
        return np.asarray(reduced / np.float32(255), dtype=np.float32)
