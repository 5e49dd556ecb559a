"""`edgeseg bundle`: wheels and models for a device without a network connection."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import click

from edgeseg.commands.bundle.checksums import BundleFile, checksums
from edgeseg.commands.bundle.requirements import write_requirements
from edgeseg.commands.bundle.sbom import SBOM_NAME, build_sbom
from edgeseg.commands.bundle.wheels import (
    Platform,
    Target,
    check_extras,
    collect_wheels,
    install_script,
    own_source,
)
from edgeseg.console import print_line
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
              help="Clone or wheel of edgeseg. [default: source of this installation]")  # fmt: skip
def bundle(
    platform: Platform,
    python: str,
    output: Path,
    models: tuple[Path, ...],
    extras: tuple[str, ...],
    source: str | None,
) -> None:
    """Collect wheels and models for an offline device.

    The folder contains wheels, models, requirements.txt with hashes, an SBOM (CycloneDX),
    SHA256SUMS and install.sh. `edgeseg bundle` opens network connections, because pip downloads
    the wheels. On the device, run: sh DIR/install.sh. For a Raspberry Pi or a Jetson, choose
    linux-aarch64.
    """
    target = Target(platform, python, tuple(sorted(extras)))
    check_extras(extras)
    _check_empty(output)
    model_files = _read_models(models)
    source = source or own_source()
    click.echo(f"edgeseg: pip downloads the wheels for Python {python} on {platform}", err=True)
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as scratch:
        own_wheel = collect_wheels(source, target, Path(scratch))
        paths = sorted(Path(scratch).glob("*.whl"))
        wheels = [(f"wheels/{path.name}", path.read_bytes()) for path in paths]
    requirements = write_requirements(wheels, own_wheel, target.extras_suffix)
    sbom = build_sbom(wheels, model_files, own_wheel.name)
    _write_bundle(output, [*wheels, *model_files, *requirements, (SBOM_NAME, sbom)], target)


def _check_empty(folder: Path) -> None:
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(
                f"{folder}: not empty. Choose a new folder, because older wheels must not be part "
                "of the bundle."
            )
    except OSError as error:
        raise SystemSetupError(
            f"{folder}: cannot be read ({error.strerror}). Choose another folder."
        ) from error


def _read_models(models: Sequence[Path]) -> list[BundleFile]:
    """Read model files and check their names, checksums and metadata."""
    files: dict[str, bytes] = {}
    for model in models:
        name = f"models/{model.name}"
        if not model.name.isprintable() or "\\" in model.name:
            raise UsageError(
                f"--model {model.name!a}: unsupported character in the name. Rename it."
            )
        if name in files:
            raise UsageError(f"--model {model}: another file has the same name. Rename it.")
        files[name] = load_file(model).data
    return list(files.items())


def _write_bundle(folder: Path, files: list[BundleFile], target: Target) -> None:
    """Write the bundle. install.sh is last, so that an incomplete bundle cannot be installed."""
    script = ("install.sh", install_script(target))
    for name, content in (*files, ("SHA256SUMS", checksums([*files, script])), script):
        make_folder((folder / name).parent)
        write_atomically(folder / name, content)
        print_line(f"{folder / name}  {len(content) / 1e6:.2f} MB")
    print_line(f"on the device, run: sh {folder.resolve().name}/install.sh")
