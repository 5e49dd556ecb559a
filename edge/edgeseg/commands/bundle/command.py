"""`edgeseg bundle`: wheels and models for a device without a network, onto a USB stick."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeseg.errors import SystemSetupError, UsageError

if TYPE_CHECKING:
    from edgeseg.commands.bundle.wheels import Platform, Target

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
PLATFORMS = ("linux-aarch64", "linux-x86_64")


@click.command()
@click.option("--platform", type=click.Choice(PLATFORMS), default="linux-aarch64", show_default=True,
              help="Of the device: Raspberry Pi and Jetson are linux-aarch64.")  # fmt: skip
@click.option("--python", type=click.Choice(PYTHONS), required=True, metavar="VERSION",
              help=f"Of the device, as its `python3 --version` says: {', '.join(PYTHONS)}.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR",
              help="New or empty folder for the bundle.")  # fmt: skip
@click.option("--model", "models", type=click.Path(path_type=Path, dir_okay=False), multiple=True, metavar="FILE",
              help="A model file of your own to take along; the shipped ones are in the wheel.")  # fmt: skip
@click.option("--extra", "extras", multiple=True, metavar="NAME",
              help="An extra that the device is to have (openvino); give it once for each.")  # fmt: skip
@click.option("--source", metavar="CLONE|WHEEL",
              help="Of the own wheel.  [default: what pip installed this edgeseg from]")  # fmt: skip
def bundle(
    platform: Platform,
    python: str,
    output: Path,
    models: tuple[Path, ...],
    extras: tuple[str, ...],
    source: str | None,
) -> None:
    """Collect all that a device without a network needs: wheels, models, SHA256SUMS, install.sh.

    On the device: sh DIR/install.sh. This is the only verb that uses the network: pip downloads the wheels.
    """
    from edgeseg.commands.bundle.wheels import Target, check_extras, collect_wheels, own_source

    target = Target(platform, python, tuple(sorted(extras)))
    check_extras(extras)
    _check_empty(output)
    carried = [(f"models/{model.name}", _model(model)) for model in models]
    source = source or own_source()
    click.echo(f"edgeseg: pip downloads the wheels for Python {python} on {platform}", err=True)
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as scratch:
        wheel = collect_wheels(source, target, Path(scratch))
        wheels = [
            (f"wheels/{file.name}", file.read_bytes())
            for file in sorted(Path(scratch).glob("*.whl"))
        ]
        _write(output, [*wheels, *carried], target, wheel)


def _check_empty(folder: Path) -> None:
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(
                f"{folder}: is not empty; name a new folder, so that no older wheel stays in it"
            )
    except OSError as error:
        raise SystemSetupError(
            f"{folder}: cannot be read ({error.strerror}); choose another folder"
        ) from error


def _model(file: Path) -> bytes:
    """A model file that a device would not refuse."""
    from edgeseg.models.card import read_card

    read_card(file)
    return file.read_bytes()


def _write(folder: Path, files: list[tuple[str, bytes]], target: Target, wheel: Path) -> None:
    """The script comes last, so that a bundle that was cut off cannot be installed by half."""
    from edgeseg.commands.bundle.wheels import checksums, install_script
    from edgeseg.system.files import make_folder, write_atomically

    script = ("install.sh", install_script(target, wheel))
    for name, content in (*files, ("SHA256SUMS", checksums([*files, script])), script):
        make_folder((folder / name).parent)
        write_atomically(folder / name, content)
        click.echo(f"{folder / name}  {len(content) / 1e6:.2f} MB")
    click.echo(f"on the device: sh {folder.name}/install.sh")
