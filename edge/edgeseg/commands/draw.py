"""`edgeseg draw`: synthetic fundus photographs, for a first look and for tests without data."""

from __future__ import annotations

from pathlib import Path

import click

from edgeseg.system.files import make_folder, write_atomically

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option(
    "-o",
    "--output",
    type=_FOLDER,
    default=Path(),
    help="Folder for the pictures [default: this one].",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed; the next ones count up.",
)
@click.option(
    "--count", type=click.IntRange(1), default=1, show_default=True, help="Photographs to draw."
)
@click.option(
    "--size", type=click.IntRange(64, 4096), default=1024, show_default=True, help="Side in pixels."
)
@click.option("--truth", is_flag=True,
              help="Also write the vessel mask and the field of view: images/, masks/ and fov/, a data set pairs:DIR.",
              )  # fmt: skip
def draw(output: Path, seed: int, count: int, size: int, truth: bool) -> None:
    """Draw synthetic fundus photographs: fundus_SEED.png, and say where they are."""
    for number in range(seed, seed + count):
        for folder, picture in _pictures(number, size, truth):
            file = output / folder / f"fundus_{number}.png"
            make_folder(file.parent)
            write_atomically(file, picture)
            click.echo(str(file))


def _pictures(seed: int, size: int, truth: bool) -> list[tuple[str, bytes]]:
    """PNG files of one drawing, each with its folder; with the truth, as `pairs` has them."""
    # OpenCV is heavy: `edgeseg draw --help` does without.
    from edgeseg.imaging.photo import encode_png
    from edgeseg.synthetic import generate_photo as draw_fundus

    drawn = draw_fundus(seed, size)
    if not truth:
        return [("", encode_png(drawn.photo))]
    named = {"images": drawn.photo, "masks": drawn.truth, "fov": drawn.fov}
    return [(folder, encode_png(picture)) for folder, picture in named.items()]
