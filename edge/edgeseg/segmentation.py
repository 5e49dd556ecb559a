"""Results of a segmentation, for each field of view and for the whole photograph."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg._version import __version__
from edgeseg.errors import UsageError
from edgeseg.field_of_view.detect import FieldOfView
from edgeseg.imaging.arrays import Box, Mask, Photo, Probability, row_bands
from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.imaging.overlay import OverlayStyle, draw_overlay, shrink_photo
from edgeseg.measures import Eye, Measures, Spacing
from edgeseg.measures.measure import field_diameter, measure_field
from edgeseg.postprocess import ResizedProbability, resize_to_photo
from edgeseg.preprocessing.prepare import Placement
from edgeseg.quality import FrameQuality, assess_for_model
from edgeseg.system.files import make_folder, write_atomically

if TYPE_CHECKING:
    from edgeseg.run.results.record import ResultRecord
    from edgeseg.segmenter import Segmenter


_NOTEBOOK_SIDE = 1024  # pixels


@dataclass(frozen=True, eq=False)
class FieldResult:
    """Vessels of one field of view.

    Attributes:
        fov: field of view in the photograph.
        placement: mapping between the network input and the photograph.
        probability: (size, size) float32, 0 to 1, at the working size.
        mask: (H, W) uint8 {0, 255}, vessels of this field.
        quality: image quality of this field; None if it was not assessed.
    """

    fov: FieldOfView = field(repr=False)
    placement: Placement
    probability: Probability = field(repr=False)
    mask: Mask = field(repr=False)
    quality: FrameQuality | None = None

    @cached_property
    def vessel_density(self) -> float:
        """Share of vessel pixels in the field of view, 0 to 1."""
        return cv2.countNonZero(self.mask) / max(1, self.fov.area)

    def measure(
        self, threshold: float, spacing: Spacing | None = None, eye: Eye | None = None
    ) -> Measures:
        """Measure the vessels. Widths are measured on the probability.

        Args:
            threshold: vessel probability threshold of the mask.
            spacing: size of a pixel; None to omit the values in micrometres.
            eye: `left` or `right`, for the anatomical names of the quadrants.

        Raises:
            UsageError: The spacing is not positive.
        """
        inside = self.fov.mask
        box = Box(*cv2.boundingRect(inside))
        return measure_field(
            self.mask[box.rows, box.columns],
            inside[box.rows, box.columns],
            box,
            field_diameter(self.fov, box),
            ResizedProbability(self.probability, self.placement, inside, box),
            threshold,
            spacing,
            eye,
        )


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Vessels of one photograph.

    Attributes:
        photo: (H, W, 3) uint8 RGB, as decoded.
        mask: (H, W) uint8 {0, 255}, vessels of all fields of view.
        inferred: results per field of view, in reading order.
        timings: milliseconds per stage: decode, field_of_view, preprocess, infer, postprocess.
        segmenter: model that computed this result.
    """

    photo: Photo = field(repr=False)
    mask: Mask = field(repr=False)
    inferred: tuple[FieldResult, ...]
    timings: dict[str, float]
    segmenter: Segmenter = field(repr=False)

    @cached_property
    def fields(self) -> tuple[FieldResult, ...]:
        """Results per field of view. The image quality is assessed on first access."""
        method = self.segmenter.card.preprocessing.fov
        return tuple(
            replace(
                result, quality=result.quality or assess_for_model(self.photo, result.fov, method)
            )
            for result in self.inferred
        )

    @cached_property
    def probability(self) -> Probability:
        """(H, W) float32, 0 to 1; 0 outside the fields of view. Computed on first access."""
        maps = [
            resize_to_photo(result.probability, result.placement, result.fov.mask)
            for result in self.inferred
        ]
        return reduce(np.maximum, maps)

    def probability_bands(self) -> Iterator[tuple[slice, Probability]]:
        """Yield bands of rows with their probability, 0 to 1.

        For a large photograph, this requires less memory than `probability`.
        """
        height, width = self.mask.shape
        frame = Box(0, 0, width, height)
        maps: list[ResizedProbability] = []
        for result in self.inferred:
            inside = result.fov.mask
            maps.append(ResizedProbability(result.probability, result.placement, inside, frame))
        for rows in row_bands(height):
            yield rows, reduce(np.maximum, [resized.read(rows) for resized in maps])

    def probability_levels(self) -> npt.NDArray[np.uint16]:
        """Return the probability as (H, W) uint16, 65535 for 1; 0 outside the fields of view."""
        levels = np.zeros(self.mask.shape, np.uint16)
        for result in self.inferred:
            box = result.fov.box
            resized = ResizedProbability(result.probability, result.placement, result.fov.mask, box)
            crop = levels[box.rows, box.columns]
            for rows in row_bands(box.height):
                scaled = (resized.read(rows) * 65535).round().astype(np.uint16)
                np.maximum(crop[rows], scaled, out=crop[rows])
        return levels

    @property
    def fov(self) -> FieldOfView:
        """The largest field of view."""
        return self.inferred[self._largest].fov

    @property
    def quality(self) -> FrameQuality:
        """Image quality of the largest field of view."""
        quality = self.fields[self._largest].quality
        assert quality is not None
        return quality

    @property
    def vessel_density(self) -> float:
        """Vessel density of the largest field of view, 0 to 1."""
        return self.inferred[self._largest].vessel_density

    @property
    def threshold(self) -> float:
        """Vessel probability threshold of the mask."""
        return self.segmenter.threshold

    def measures(
        self, spacing: Spacing | None = None, eye: Eye | None = None
    ) -> tuple[Measures, ...]:
        """Measure the vessels of each field of view. Definitions: docs/measures.md.

        Fields of low image quality are also measured. Use `fields` to read the quality.

        Args:
            spacing: size of a pixel; None to omit the values in micrometres.
            eye: `left` or `right`, for the anatomical names of the quadrants.

        Raises:
            UsageError: The spacing is not positive.
        """
        measured: list[Measures] = []
        for result in self.inferred:
            measured.append(result.measure(self.threshold, spacing, eye))
        return tuple(measured)

    def overlay(self, style: OverlayStyle = "outline", opacity: float | None = None) -> Photo:
        """Return the photograph with its vessels marked, (H, W, 3) uint8 RGB.

        Args:
            style: `outline` draws a line around the vessels, `fill` tints their pixels.
            opacity: weight of the colour, 0 to 1; the default depends on the style.
        """
        return draw_overlay(self.photo, self.mask, opacity=opacity, style=style)

    def _repr_png_(self) -> bytes:
        """Return the overlay as PNG with a side of at most 1024 pixels, for notebooks."""
        return encode_png(shrink_photo(self.overlay(), _NOTEBOOK_SIDE))

    def save(self, directory: str | os.PathLike[str], stem: str) -> tuple[Path, Path]:
        """Write `STEM_vessels.png` and `STEM_overlay.jpg`.

        Args:
            directory: folder for the files; created if it does not exist.
            stem: beginning of the file names.

        Returns:
            Paths of the mask and of the overlay.

        Raises:
            SystemSetupError: The files cannot be written.
        """
        folder = Path(directory)
        make_folder(folder)
        mask = folder / f"{stem}_vessels.png"
        overlay = folder / f"{stem}_overlay.jpg"
        texts = {"edgeseg:version": __version__}  # marks the files as results of edgeseg
        write_atomically(mask, encode_png(self.mask, texts), follow_links=False)
        write_atomically(overlay, encode_jpeg(self.overlay(), texts), follow_links=False)
        return mask, overlay

    def records(
        self,
        source: str = "photograph",
        measures: bool = False,
        spacing: Spacing | None = None,
        eye: Eye | None = None,
    ) -> tuple[ResultRecord, ...]:
        """Return one result record per field of view, in the format of `edgeseg run --json`.

        Args:
            source: path or name of the photograph.
            measures: whether to measure the vessels; fields of low quality are not measured.
            spacing: size of a pixel, for figures in micrometres; requires `measures`.
            eye: `left` or `right`, for the anatomical names of the quadrants; requires `measures`.

        Raises:
            UsageError: The spacing is not positive, or `spacing` or `eye` is given without
                `measures`.
        """
        # This import is not at the top, because `edgeseg.run` imports this module.
        from edgeseg.run.results.segmentation_records import segmentation_records  # noqa: PLC0415

        if not measures and (spacing is not None or eye is not None):
            raise UsageError("spacing and eye require measures=True. Add measures=True.")
        return segmentation_records(self, source, measures, spacing, eye)

    @cached_property
    def _largest(self) -> int:
        areas = [result.fov.area for result in self.inferred]
        return areas.index(max(areas))


def join_masks(results: tuple[FieldResult, ...]) -> Mask:
    """Return the mask with the vessels of all fields of view, (H, W) uint8 {0, 255}."""
    if len(results) == 1:
        return results[0].mask
    joined: Mask = results[0].mask.copy()
    for result in results[1:]:
        cv2.bitwise_or(joined, result.mask, joined)
    return joined
