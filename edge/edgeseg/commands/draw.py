"""`edgeseg draw`: synthetic fundus photographs, for a first look and for tests without data."""

from __future__ import annotations

from pathlib import Path

import click

from edgeseg.errors import SurroundingsError
from edgeseg.files import write_atomically

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option("-o", "--output", type=_FOLDER, default=Path(), help="Folder for the pictures [default: this one].")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed; the next ones count up.")
@click.option("--count", type=click.IntRange(1), default=1, show_default=True, help="Photographs to draw.")
@click.option("--size", type=click.IntRange(64, 4096), default=1024, show_default=True, help="Side in pixels.")
@click.option("--truth", is_flag=True, help="Also write the vessel mask and the field of view.")
def draw(output: Path, seed: int, count: int, size: int, truth: bool) -> None:
    """Draw synthetic fundus photographs: fundus_SEED.png, and say where they are."""
    _make(output)
    for number in range(seed, seed + count):
        for name, picture in _pictures(number, size, truth):
            write_atomically(output / name, picture)
            click.echo(str(output / name))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder}: cannot be made ({error.strerror}); choose another folder with -o"
        raise SurroundingsError(message) from error


def _pictures(seed: int, size: int, truth: bool) -> list[tuple[str, bytes]]:
    """Names and PNG files of one drawing."""
    # OpenCV is heavy: `edgeseg draw --help` does without.
    from edgeseg.photo import encode_png
    from edgeseg.synthetic import draw as draw_fundus

    drawn = draw_fundus(seed, size)
    pictures = [(f"fundus_{seed}.png", encode_png(drawn.photo))]
    if truth:
        pictures.append((f"fundus_{seed}_mask.png", encode_png(drawn.truth)))
        pictures.append((f"fundus_{seed}_fov.png", encode_png(drawn.fov)))
    return pictures
