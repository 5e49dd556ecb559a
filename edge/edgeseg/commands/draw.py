"""`edgeseg draw`: synthetic fundus photographs for first steps and tests."""

from pathlib import Path

import click

from edgeseg.console import print_line
from edgeseg.system.files import make_folder, write_atomically


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Output folder.  [default: current folder]",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of the first photograph. Each further photograph uses the next seed.",
)
@click.option(
    "--count", type=click.IntRange(1), default=1, show_default=True, help="Number of photographs."
)
@click.option(
    "--size",
    type=click.IntRange(64, 4096),
    default=1024,
    show_default=True,
    help="Width and height in pixels.",
)
@click.option(
    "--truth",
    is_flag=True,
    help="Write a data set with the folders images/, masks/ and fov/ for --data pairs:DIR.",
)
def draw(output: Path, seed: int, count: int, size: int, truth: bool) -> None:
    """Generate synthetic fundus photographs (fundus_SEED.png) and print their paths."""
    for number in range(seed, seed + count):
        for folder, data in _generate_files(number, size, truth).items():
            file = output / folder / f"fundus_{number}.png"
            make_folder(file.parent)
            write_atomically(file, data, follow_links=False)
            print_line(str(file))


def _generate_files(seed: int, size: int, truth: bool) -> dict[str, bytes]:
    """Return a dict from output folder to PNG bytes (photograph, mask, field of view)."""
    # This import is not at the top, so that `edgeseg draw --help` does not load OpenCV.
    from edgeseg.imaging.encoder import encode_png
    from edgeseg.synthetic import generate_photo

    synthetic = generate_photo(seed, size)
    if not truth:
        return {"": encode_png(synthetic.photo)}
    return {
        "images": encode_png(synthetic.photo),
        "masks": encode_png(synthetic.truth),
        "fov": encode_png(synthetic.fov),
    }
