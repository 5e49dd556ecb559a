"""Size of a pixel in micrometres, from an option, a manifest or a DICOM file."""

import math
from typing import Literal, NamedTuple, TypeAlias

from edgeseg.errors import UsageError

SpacingSource: TypeAlias = Literal["option", "manifest", "dicom", "dicom_nominal"]
SpacingStatus: TypeAlias = Literal["ok", "not_given", "anisotropic", "implausible"]

_MAX_DIFFERENCE = 0.01  # largest relative difference between rows and columns
_MIN_FIELD_MM, _MAX_FIELD_MM = 3.0, 40.0


class Spacing(NamedTuple):
    """Distance between neighbouring pixels.

    Attributes:
        row_um: distance between rows in micrometres.
        column_um: distance between columns in micrometres.
        source: origin of the values.
    """

    row_um: float
    column_um: float
    source: SpacingSource = "option"


def check_spacing(spacing: Spacing) -> None:
    """Check that a spacing is positive and finite.

    Raises:
        UsageError: The spacing is not positive or not finite.
    """
    for value in (spacing.row_um, spacing.column_um):
        if not 0 < value < math.inf:
            raise UsageError(
                f"spacing: {value:g} micrometres per pixel is invalid. Use a positive number."
            )


def um_per_px(spacing: Spacing | None, diameter: float) -> tuple[float | None, SpacingStatus]:
    """Return the micrometres per pixel, or None and the reason.

    Args:
        spacing: spacing of the photograph; None if unknown.
        diameter: diameter of the field of view in pixels.

    Raises:
        UsageError: The spacing is not positive or not finite.
    """
    if spacing is None:
        return None, "not_given"
    check_spacing(spacing)
    if abs(spacing.row_um / spacing.column_um - 1) > _MAX_DIFFERENCE:
        return None, "anisotropic"
    mean = math.sqrt(spacing.row_um * spacing.column_um)
    if not _MIN_FIELD_MM <= mean * diameter / 1000 <= _MAX_FIELD_MM:
        return None, "implausible"
    return mean, "ok"
