"""`edgeseg measure`: measurements of existing masks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeseg.commands.options import measure_options
from edgeseg.console import plural, print_line
from edgeseg.errors import UsageError
from edgeseg.system.files import check_folders

if TYPE_CHECKING:
    from edgeseg.measures import Eye
    from edgeseg.run.results.mask_record import MaskRecord

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("masks", nargs=-1, required=True, type=FILE, metavar="MASK...")
@click.option(
    "--fov",
    "fovs",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="Mask of the field of view. Give one for all MASKs, or one per MASK. "
    "Without --fov, densities and values relative to the diameter refer to the whole image. "
    "Repeatable.",
)
@measure_options
@click.option(
    "--csv", "csv_file", type=FILE, metavar="FILE", help="Write a CSV table with every measurement."
)
@click.option(
    "--measures-overlay",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for images with each vessel segment coloured by its width.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the results as JSON, one object per line."
)
def measure(
    masks: tuple[Path, ...],
    fovs: tuple[Path, ...],
    um_per_px: float | None,
    eye: Eye | None,
    csv_file: Path | None,
    measures_overlay: Path | None,
    as_json: bool,
) -> None:
    """Measure the vessels in binary masks from edgeseg or another program.

    MASK is an image in which vessels are white. A mask that is not binary, such as a JPEG file, is
    thresholded with a warning. If a file cannot be measured, the others are measured, and the
    exit code is 3. docs/measures.md defines the measurements.
    """
    import msgspec

    from edgeseg.measures import Spacing
    from edgeseg.run.mask_files import (
        MaskOptions,
        check_overlay_names,
        measure_mask_file,
        pair_fields,
    )
    from edgeseg.run.results.measures_table import is_foreign_table
    from edgeseg.run.results.reporter import has_unusable_scale, print_scale_warning

    check_folders(csv_file)
    if csv_file is not None and is_foreign_table(csv_file):
        raise UsageError(f"{csv_file}: not a table of edgeseg. Choose another name.")
    if measures_overlay is not None:
        check_overlay_names(masks, measures_overlay)
    spacing = None if um_per_px is None else Spacing(um_per_px, um_per_px)
    if not fovs:
        print_line(
            f"edgeseg: no --fov for {plural(len(masks), 'mask')}: densities and values relative to "
            "the diameter refer to the whole image",
            err=True,
        )
    options = MaskOptions(spacing, eye, measures_overlay)
    records: list[MaskRecord] = []
    for mask, fov in pair_fields(masks, fovs):
        record = measure_mask_file(mask, fov, options)
        _report(record)
        if as_json:
            click.echo(msgspec.json.encode(record).decode())
        records.append(record)
    print_scale_warning(sum(map(has_unusable_scale, records)))
    if not as_json:
        _print_summary(records)
    if csv_file is not None:
        _write_table(csv_file, records, spacing is not None, eye is not None)
    if any(record.status == "failed" for record in records):
        sys.exit(3)


def _report(record: MaskRecord) -> None:
    if isinstance(record.message, str):
        print_line(f"edgeseg: {record.message}", err=True)
    if "mask_thresholded" in record.warnings:
        print_line(
            f"edgeseg: {record.source}: not binary; the mask was thresholded at half of its range",
            err=True,
        )


def _print_summary(records: list[MaskRecord]) -> None:
    """Print the main measurements. `--csv` and `--json` contain all measurements."""
    from edgeseg.console import narrow_table, print_table, safe_text

    table = narrow_table("measurements")
    for heading in ("mask", "status", "density", "length/area", "width px", "D0", "branches"):
        table.add_column(heading, overflow="fold")
    for record in records:
        values = record.measures
        figures = ["", "", "", "", ""]
        if record.vessel_density is not None:
            figures[0] = f"{record.vessel_density:.4f}"
        if values is not None:
            figures[1:] = [
                _number(values.skeleton_density_rel, 2),
                _number(values.width_mean_px, 2),
                _number(values.fractal_dimension_skeleton, 3),
                _number(values.branching_point_count, 0),
            ]
        status = record.measures_status or record.reasons[0]
        table.add_row(safe_text(record.source), status, *figures)
    print_table(table)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _write_table(
    file: Path, records: list[MaskRecord], micrometres: bool, anatomical: bool
) -> None:
    from edgeseg.run.results.mask_record import MaskRecord
    from edgeseg.run.results.measures_table import encode_table
    from edgeseg.system.files import write_atomically

    known = set(MaskRecord.__struct_fields__)
    write_atomically(file, encode_table(records, known, micrometres, anatomical).encode())
