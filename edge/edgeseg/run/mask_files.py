"""Measurements of mask files."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgeseg._version import __version__
from edgeseg.errors import PhotoError, UsageError
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.photo import decode_photo, photo_stem, read_photo_bytes
from edgeseg.measures import Eye, Measures, Spacing, measure_vessels
from edgeseg.measures.arrays import binarize_mask
from edgeseg.measures.overlay import draw_measures
from edgeseg.run.results.mask_record import MaskRecord
from edgeseg.run.results.record import Code
from edgeseg.system.files import make_folder, write_atomically


class MaskOptions(NamedTuple):
    """Options for the measurement of mask files.

    Attributes:
        spacing: size of a pixel; None if unknown.
        eye: eye of the masks; None if unknown.
        overlay: folder for images of the measurements; None to write no images.
    """

    spacing: Spacing | None = None
    eye: Eye | None = None
    overlay: Path | None = None


def pair_fields(masks: Sequence[Path], fovs: Sequence[Path]) -> list[tuple[Path, Path | None]]:
    """Return each mask with the file of its field of view.

    Args:
        masks: files of the masks.
        fovs: no files, one file for all masks, or one file per mask in the same order.

    Raises:
        UsageError: The numbers do not match.
    """
    if not fovs:
        return [(mask, None) for mask in masks]
    if len(fovs) == 1:
        return [(mask, fovs[0]) for mask in masks]
    if len(fovs) != len(masks):
        raise UsageError(
            f"--fov: {len(fovs)} files for {len(masks)} masks. "
            "Give one file for all masks, or one file per mask in the same order."
        )
    return list(zip(masks, fovs, strict=True))


def check_overlay_names(masks: Sequence[Path], folder: Path) -> None:
    """Check that no two measurement overlays would have the same name.

    Raises:
        UsageError: Two masks have the same name.
    """
    first: dict[str, Path] = {}
    for mask in masks:
        other = first.setdefault(photo_stem(mask), mask)
        if other is not mask:
            raise UsageError(
                f"{folder}: {other} and {mask} would have measurement overlays with the same name. "
                "Rename one of them or measure them separately."
            )


def measure_mask_file(file: Path, fov_file: Path | None, options: MaskOptions) -> MaskRecord:
    """Measure a mask file. If this is not possible, return a failed record.

    Args:
        file: mask in any photograph format.
        fov_file: mask of the field of view; None for the whole image.
        options: options of the measurement.

    Raises:
        SystemSetupError: The image of the measurements cannot be written.
    """
    try:
        data = read_photo_bytes(file)
        mask, is_binary = _read_mask(data, file)
        inside = _read_field(fov_file, mask)
        measures = measure_vessels(mask, inside, spacing=options.spacing, eye=options.eye)
        del inside  # reduces the peak memory
        if options.overlay is not None:
            _write_overlay(file, measures, decode_photo(data, str(file)), options.overlay)
    except PhotoError as error:
        return _failed(file, error.code, str(error))
    except UsageError as error:
        return _failed(file, "sizes_differ", f"{file}: {error}")
    warnings: tuple[Code, ...] = () if is_binary else ("mask_thresholded",)
    return _measured(file, mask, measures, options, warnings)


def _read_mask(data: bytes, file: Path) -> tuple[Mask, bool]:
    """Decode a mask, and return whether the file is binary. Vessels may have any colour."""
    return binarize_mask(decode_photo(data, str(file)).max(axis=2))


def _read_field(file: Path | None, mask: Mask) -> Mask:
    if file is None:
        return np.full_like(mask, 255)
    return _read_mask(read_photo_bytes(file), file)[0]


def _failed(file: Path, code: Code, message: str) -> MaskRecord:
    return MaskRecord(
        source=str(file),
        status="failed",
        reasons=(code,),
        message=message,
        edgeseg_version=__version__,
    )


def _measured(
    file: Path, mask: Mask, measures: Measures, options: MaskOptions, warnings: tuple[Code, ...]
) -> MaskRecord:
    return MaskRecord(
        source=str(file),
        fov_diameter_px=measures.fov_diameter_px,
        width=mask.shape[1],
        height=mask.shape[0],
        eye=options.eye,
        eye_source=None if options.eye is None else "option",
        status="ok",
        warnings=warnings,
        edgeseg_version=__version__,
        vessel_density=measures.vessel_density,
        measures_status=measures.status,
        measures=measures.values,
        um_per_px=measures.um_per_px,
        um_per_px_source=None if options.spacing is None else options.spacing.source,
        um_per_px_status=measures.um_per_px_status,
    )


def _write_overlay(file: Path, measures: Measures, image: Photo, folder: Path) -> None:
    make_folder(folder)
    target = folder / f"{photo_stem(file)}_measures_overlay.png"
    drawn = draw_measures(image, (measures,), in_place=True)
    write_atomically(target, encode_png(drawn, in_place=True), follow_links=False)
