"""`edgeseg bundle`: wheels and models for a device without a network connection."""

import tempfile
from pathlib import Path
from typing import get_args

import click

from edgeseg.commands.bundle.wheels import (
    Platform,
    Target,
    check_extras,
    checksums,
    collect_wheels,
    install_script,
    own_source,
)
from edgeseg.errors import SystemSetupError, UsageError
from edgeseg.models.loaded_file import load_file
from edgeseg.system.files import make_folder, write_atomically

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
PLATFORMS = get_args(Platform)


@click.command()
@click.option("--platform", type=click.Choice(PLATFORMS), default="linux-aarch64",
              show_default=True, help="Platform of the device.")  # fmt: skip
@click.option("--python", type=click.Choice(PYTHONS), required=True, metavar="VERSION",
              help=f"Python version of the device, {PYTHONS[0]} to {PYTHONS[-1]}.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True,
              metavar="DIR", help="New or empty folder.")  # fmt: skip
@click.option("--model", "models", type=click.Path(path_type=Path, dir_okay=False), multiple=True,
              metavar="FILE", help="Additional model file. Repeatable.")  # fmt: skip
@click.option("--extra", "extras", multiple=True, metavar="NAME",
              help="Extra to install on the device. Repeatable.")  # fmt: skip
@click.option("--source", metavar="CLONE|WHEEL",
              help="Clone or wheel of edgeseg.  [default: that of this installation]")  # fmt: skip
def bundle(
    platform: Platform,
    python: str,
    output: Path,
    models: tuple[Path, ...],
    extras: tuple[str, ...],
    source: str | None,
) -> None:
    """Collect wheels and models for an offline device.

    Writes wheels, models, SHA256SUMS and install.sh. On the device run: sh DIR/install.sh. This is
    the only command that uses the network: pip downloads the wheels. Raspberry Pi and Jetson are
    linux-aarch64.
    """
    target = Target(platform, python, tuple(sorted(extras)))
    check_extras(extras)
    _check_empty(output)
    model_files = [(f"models/{model.name}", _read_model(model)) for model in models]
    source = source or own_source()
    click.echo(f"edgeseg: pip downloads the wheels for Python {python} on {platform}", err=True)
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as scratch:
        own_wheel = collect_wheels(source, target, Path(scratch))
        paths = sorted(Path(scratch).glob("*.whl"))
        wheels = [(f"wheels/{path.name}", path.read_bytes()) for path in paths]
    _write_bundle(output, [*wheels, *model_files], target, own_wheel)


def _check_empty(folder: Path) -> None:
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(
                f"{folder}: not empty. Choose a new folder, so that it contains no older wheels."
            )
    except OSError as error:
        raise SystemSetupError(
            f"{folder}: cannot be read ({error.strerror}). Choose another folder."
        ) from error


def _read_model(file: Path) -> bytes:
    """Read a model file and check its checksum and metadata."""
    return load_file(file).data


def _write_bundle(
    folder: Path, files: list[tuple[str, bytes]], target: Target, own_wheel: Path
) -> None:
    """Write the bundle, install.sh last, so that an incomplete bundle cannot be installed."""
    script = ("install.sh", install_script(target, own_wheel))
    for name, content in (*files, ("SHA256SUMS", checksums([*files, script])), script):
        make_folder((folder / name).parent)
        write_atomically(folder / name, content)
        click.echo(f"{folder / name}  {len(content) / 1e6:.2f} MB")
    click.echo(f"on the device: sh {folder.name}/install.sh")
