"""`edgeseg convert`: a checkpoint becomes self-describing ONNX files, each checked before it is published."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import click
import onnx
from rich.console import Console
from rich.table import Table

from edgeseg.datasets import open_data
from edgeseg.errors import CheckError
from edgeseg.files import make_folder
from edgeseg.model_card import Licence, ModelCard
from edgeseg_export.checks import Check, check_card, check_graph, check_parity, photographs_for
from edgeseg_export.graph import PhotoToProbability, to_onnx
from edgeseg_export.publish import publish, sha256, with_card
from edgeseg_export.simplify import simplify
from edgeseg_train.checkpoint import Checkpoint, WorkingSize, load
from edgeseg_train.cost import gmac, parameters

DEFAULT_SIZE = "default"
DRAWN = "synthetic:4"


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path), metavar="CKPT")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Folder for the model files.  [default: beside the checkpoint]")  # fmt: skip
def convert(checkpoint: Path, output: Path | None) -> None:
    """Turn the checkpoint CKPT into checked, self-describing ONNX files: NAME.fp32.onnx, a file a working size."""
    folder = output or checkpoint.parent
    trained, digest = load(checkpoint), sha256(checkpoint)
    make_folder(folder)
    files: dict[Path, bytes] = {}
    table = Table("file", "check", "value", "limit", "passed", "on")
    for size in trained.sizes:
        name = checkpoint.stem if size.name == DEFAULT_SIZE else f"{checkpoint.stem}-{size.name}"
        file = folder / f"{name}.fp32.onnx"
        files[file], checks = convert_size(trained, size, name, digest)
        for check in checks:
            table.add_row(file.name, *_cells(check))
        if not all(checks):
            failed = next(check for check in checks if not check)
            Console(stderr=True).print(table)
            raise CheckError(f"{file.name}: the check '{failed.name}' failed ({failed.note}); nothing was written")
    publish(files)
    Console().print(table)
    for file, data in files.items():
        click.echo(f"{file}  {len(data) / 1e6:.2f} MB")


def convert_size(trained: Checkpoint, size: WorkingSize, name: str, digest: str) -> tuple[bytes, list[Check]]:
    """The FP32 model file's bytes at one working size, and its checks."""
    how = replace(trained.preprocessing, size=size.size)
    network = PhotoToProbability(trained.network(), how)
    model, unsimplified = simplify(to_onnx(network, size.size))
    card = card_of(trained, size, name, digest)
    data = with_card(model, card)
    checks = [check_graph(onnx.load_from_string(data))]
    checks.append(Check("simplified", None, None, unsimplified or "by onnxsim", True))
    photographs = photographs_for(open_data(DRAWN, "test").pairs, how)
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as scratch:
        trial = Path(scratch) / f"{name}.fp32.onnx"
        trial.write_bytes(data)
        checks.append(check_card(trial, card))
        checks.append(check_parity(trial, network, photographs))
    return data, checks


def card_of(trained: Checkpoint, size: WorkingSize, name: str, digest: str) -> ModelCard:
    """What the FP32 file says of itself."""
    network = trained.network()
    evidence = trained.evidence.get(size.name, {})
    return ModelCard(
        name=name,
        architecture=trained.architecture.name,
        parameters=parameters(network),
        gmac=round(gmac(network, size.size), 3),
        precision="fp32",
        compute="float32",
        preprocessing=replace(trained.preprocessing, size=size.size),
        threshold=size.threshold,
        training_data=tuple(Licence(d.name, d.photographs, d.licence) for d in trained.training_data),
        evidence={f"{data}/validation/native": round(dice, 4) for data, dice in evidence.items() if data != "mean"},
        checkpoint_sha256=digest,
    )


def _cells(check: Check) -> tuple[str, str, str, str, str]:
    value = "" if check.value is None else f"{check.value:.2g}"
    limit = "" if check.limit is None else f"{check.limit:.2g}"
    return check.name, value, limit, "yes" if check.passed else "NO", check.note
