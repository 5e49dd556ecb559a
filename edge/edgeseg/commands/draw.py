"""`edgeseg draw`: synthetic fundus photographs, for a first look and for tests without data."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path(), metavar="DIR",
              help="Folder for the pictures; made if needed.  [default: this folder]")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="Seed of the first photograph; the next ones count up.")  # fmt: skip
@click.option("--count", type=click.IntRange(min=1), default=1, show_default=True, help="How many to draw.")
@click.option("--size", type=click.IntRange(64, 4096), default=1024, show_default=True, metavar="PX",
              help="Side in pixels.")  # fmt: skip
@click.option("--truth", is_flag=True, help="Also write the vessel mask and the field of view.")
def draw(output: Path, seed: int, count: int, size: int, truth: bool) -> None:
    """Draw synthetic fundus photographs: fundus_SEED.png."""
    from edgeseg.errors import SurroundingsError
    from edgeseg.files import write_atomically
    from edgeseg.photo import encode_png
    from edgeseg.synthetic import draw as draw_fundus

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SurroundingsError(
            f"{output}: cannot be made ({error.strerror}); choose another folder with -o"
        ) from error
    for number in range(seed, seed + count):
        drawn = draw_fundus(number, size)
        pictures = {"": drawn.photo}
        if truth:
            pictures |= {"_mask": drawn.truth, "_fov": drawn.fov}
        for ending, picture in pictures.items():
            path = output / f"fundus_{number}{ending}.png"
            write_atomically(path, encode_png(picture))
            click.echo(str(path))
