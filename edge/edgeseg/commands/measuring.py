"""Measurement and DICOM options of `edgeseg run`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from edgeseg.commands.options import convert_eye, reject_not_finite
from edgeseg.errors import UsageError, missing_extra

if TYPE_CHECKING:
    from edgeseg.run.options import RunOptions

P = ParamSpec("P")
R = TypeVar("R")

_CHOICES = "edgeseg.measuring"  # key of the option values in click's `meta`


def _store_choice(ctx: click.Context, param: click.Parameter, value: Any) -> Any:  # noqa: ANN401
    checked = reject_not_finite(ctx, param, value) if isinstance(value, float) else value
    ctx.meta.setdefault(_CHOICES, {})[param.name] = checked
    return checked


def dicom_options(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options for DICOM; `add_dicom` reads them."""
    for option in (
        click.option("--identifiers", is_flag=True, callback=_store_choice, expose_value=False,
                     help="Add the patient, study and series of DICOM files to the records."),
        click.option("--dicom", is_flag=True, callback=_store_choice, expose_value=False,
                     help="Also write DICOM: a segmentation, an overlay and, with --measures, a "
                     "structured report."),
    ):  # fmt: skip
        command = option(command)
    return command


def add_dicom(options: RunOptions) -> RunOptions:
    """Add the DICOM options of the current command to the options of a run.

    Raises:
        SystemSetupError: The extra `dicom` is not installed.
    """
    choices = click.get_current_context().meta[_CHOICES]
    if choices["dicom"]:
        try:
            import edgeseg.dicom.segmentation_object  # noqa: F401
        except ModuleNotFoundError as error:
            raise missing_extra("--dicom", "dicom", error.name or "pydicom") from error
    return replace(options, dicom=choices["dicom"], identifiers=choices["identifiers"])


def measuring_options(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options for measurements; `add_measures` reads them."""
    for option in (
        click.option("--eye", type=convert_eye, metavar="left|right", callback=_store_choice,
                     expose_value=False,
                     help="Eye of the photographs. Adds the anatomical names of the quadrants "
                     "(requires --measures)."),
        click.option("--um-per-px", type=click.FloatRange(0, min_open=True), metavar="X",
                     callback=_store_choice, expose_value=False,
                     help="Micrometres per pixel. Adds measurements in micrometres (requires "
                     "--measures)."),
        click.option("--measures-overlay", is_flag=True, callback=_store_choice,
                     expose_value=False,
                     help="Also write an image with each vessel segment coloured by its width. "
                     "Implies --measures."),
        click.option("--measures", is_flag=True, callback=_store_choice, expose_value=False,
                     help="Measure the vessels, and write measures.csv."),
    ):  # fmt: skip
        command = option(command)
    return command


def add_measures(options: RunOptions) -> RunOptions:
    """Add the measurement options of the current command to the options of a run.

    Raises:
        UsageError: An option requires measurements that were not requested.
    """
    from edgeseg.measures import Spacing

    choices = click.get_current_context().meta[_CHOICES]
    overlay, um_per_px = choices["measures_overlay"], choices["um_per_px"]
    measures = choices["measures"] or overlay
    if not measures and (um_per_px is not None or choices["eye"] is not None):
        raise UsageError(
            "--um-per-px and --eye require --measures. Add --measures or omit these options."
        )
    return replace(
        options,
        measures=measures,
        measures_overlay=overlay,
        spacing=None if um_per_px is None else Spacing(um_per_px, um_per_px),
        eye=choices["eye"],
    )
