"""Command `edgeseg train`."""

import shlex
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import click
import torch

from edgeseg.cli import STARTED
from edgeseg.commands.options import reject_not_finite
from edgeseg.console import print_line
from edgeseg.datasets import DataSet, SplitChoice, open_data
from edgeseg.errors import UsageError
from edgeseg.system.files import make_folder
from edgeseg.system.signals import stop_by_signals
from edgeseg_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from edgeseg_train.config import TrainConfig, make_config
from edgeseg_train.data.photo_store import load_examples
from edgeseg_train.data.soft_labels import open_soft_labels
from edgeseg_train.network.resunet import (
    ARCHITECTURES,
    Architecture,
    architecture_by_name,
    build_network,
    count_gmac,
    count_parameters,
)
from edgeseg_train.reporting.log import LogEntry
from edgeseg_train.reporting.plots import draw_contact_sheet, draw_curves
from edgeseg_train.reporting.progress import ProgressDisplay, open_tensorboard
from edgeseg_train.training.compute import (
    COMPUTE_MODES,
    DistributedContext,
    join_processes,
    select_device,
)
from edgeseg_train.training.preparation import prepare_trainer
from edgeseg_train.training.state import BEST, LAST, load_state, prepare_folder
from edgeseg_train.training.trainer import Trainer
from edgeseg_train.validation import select_best


def _print_architectures(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    for architecture in ARCHITECTURES.values():
        network = build_network(architecture)
        click.echo(
            f"{architecture.name:16} {count_parameters(network) / 1e6:6.2f} M parameters  "
            f"{count_gmac(network, 512):7.2f} GMAC at 512  "
            f"{count_gmac(network, architecture.size):7.2f} GMAC at {architecture.size} (default)"
        )
    ctx.exit()


@click.command()
@click.option("--list", is_flag=True, is_eager=True, expose_value=False,
              callback=_print_architectures,
              help="List the architectures with their parameters and GMACs.")  # fmt: skip
@click.option("--data", "specs", multiple=True, required=True, metavar="NAME:DIR",
              help="Photographs with masks, such as pairs:DIR. Repeatable.")  # fmt: skip
@click.option("--soft-labels", "soft", type=click.Path(path_type=Path, file_okay=False),
              multiple=True, metavar="DIR",
              help="Folder of photographs with soft labels (probabilities of a teacher network). "
                   "Used for training, not for validation. Repeatable.")  # fmt: skip
@click.option("--arch", metavar="NAME",
              help="Architecture (see --list). [default: architecture of --start, otherwise "
                   "lean]")  # fmt: skip
@click.option("--start", type=click.Path(path_type=Path, dir_okay=False), metavar="CKPT.pt",
              help="Start from the weights of this checkpoint.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Folder for best.pt, last.pt, log.csv and curves.png.")  # fmt: skip
@click.option("--size", "sizes", multiple=True, metavar="[NAME=]N",
              help="Working size in pixels. `edgeseg convert` adds NAME to the names of the files "
                   "of this size. Repeatable. [default: size of the architecture]")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), metavar="N",
              help="Length of the run in epochs. Alternative: --minutes.")  # fmt: skip
@click.option("--minutes", type=click.FloatRange(0, min_open=True), callback=reject_not_finite,
              metavar="M",
              help="Total length of the run in minutes, including earlier sessions. "
              "Alternative: --epochs.")  # fmt: skip
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto",
              show_default=True, help="Training device.")  # fmt: skip
@click.option("--arithmetic", type=click.Choice(["auto", *COMPUTE_MODES]), default="auto",
              show_default=True,
              help="Precision and memory format; auto selects the fastest.")  # fmt: skip
@click.option("--crop", type=click.IntRange(32, 4096), default=256, show_default=True, metavar="N",
              help="Side length of a training crop in pixels.")  # fmt: skip
@click.option("--batch", type=click.IntRange(1), default=8, show_default=True, metavar="N",
              help="Number of crops per step.")  # fmt: skip
@click.option("--learning-rate", type=click.FloatRange(0, 1, min_open=True),
              callback=reject_not_finite, default=3e-3, show_default=True,
              help="Peak learning rate of AdamW. Recommended with --start: 1e-3.")  # fmt: skip
@click.option("--loss", type=(float, float, float), default=(0.5, 0.3, 0.2), show_default=True,
              metavar="DICE BCE FOCAL", help="Weights of the loss terms.")  # fmt: skip
@click.option("--simulated-cameras", type=click.FloatRange(0, 1), callback=reject_not_finite,
              default=0.0, show_default=True, metavar="SHARE",
              help="Share of the photographs that are changed as if another camera had taken "
                   "them.")  # fmt: skip
@click.option("--freeze-statistics", is_flag=True,
              help="Keep the BatchNorm statistics of --start.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed.")
@click.option("--resume", is_flag=True,
              help="Continue the run in the folder of --out, or start a run if the folder contains "
                   "none.")  # fmt: skip
@click.option("--show-augmentations", "sheet", type=click.Path(path_type=Path, dir_okay=False),
              metavar="FILE.png",
              help="Draw augmentations of a photograph to FILE and exit.")  # fmt: skip
def train(
    specs: tuple[str, ...],
    soft: tuple[Path, ...],
    arch: str | None,
    start: Path | None,
    out: Path | None,
    sizes: tuple[str, ...],
    epochs: int | None,
    minutes: float | None,
    device: str,
    arithmetic: str,
    crop: int,
    batch: int,
    learning_rate: float,
    loss: tuple[float, float, float],
    simulated_cameras: float,
    freeze_statistics: bool,
    seed: int,
    resume: bool,
    sheet: Path | None,
) -> None:
    """Train a network on photographs with masks.

    --list requires no other option, and --show-augmentations requires only --data. To train, give
    --data, --out and either --epochs or --minutes. The checkpoint with the best validation Dice is
    DIR/best.pt. With --start, the result is an interpolation between the start weights and the
    trained weights, if the validation Dice is higher than without interpolation. The weights of a
    CPU run are reproducible bit for bit if --epochs and --arithmetic are given.

    To use several GPUs or machines, run: torchrun --nproc-per-node N -m edgeseg train ...
    """
    started = click.get_current_context().meta.get(STARTED, time.monotonic())
    checkpoint = load_checkpoint(start) if start is not None else None
    architecture = _choose_architecture(arch, checkpoint)
    length = (epochs, minutes) if sheet is None else (1, None)
    config = make_config(
        architecture,
        sizes,
        *length,
        crop,
        batch,
        learning_rate,
        loss,
        seed,
        simulated_cameras,
        freeze_statistics,
    )
    if sheet is not None:
        _draw_sheet(specs, config, sheet)
        return
    if out is None:
        raise UsageError("--out DIR is missing. Specify a folder for the checkpoint.")
    _train(config, out, specs, soft, checkpoint, device, arithmetic, started, resume)


def _train(
    config: TrainConfig,
    out: Path,
    specs: tuple[str, ...],
    soft: tuple[Path, ...],
    checkpoint: Checkpoint | None,
    device: str,
    arithmetic: str,
    started: float,
    resume: bool,
) -> None:
    device = select_device(device)
    process = join_processes(device)
    if config.batch % process.world_size:
        raise UsageError(
            f"--batch {config.batch}: must be a multiple of the number of processes "
            f"({process.world_size})"
        )
    state = load_state(out) if resume else None
    if config.frozen_statistics and checkpoint is None and state is None:
        raise UsageError("--freeze-statistics: requires --start")
    make_folder(out)
    if process.is_main:
        prepare_folder(out, resume, state)
    training, validation = _open_training_data(specs, soft, show_notices=process.is_main)
    trainer = prepare_trainer(
        config, out, training, validation, torch.device(device), arithmetic, process, started, state
    )
    if checkpoint is not None and state is None:
        trainer.start_from(checkpoint)
    _run_training(trainer, validation, process)


def _open_training_data(
    specs: tuple[str, ...], soft: tuple[Path, ...], show_notices: bool
) -> tuple[list[DataSet], list[DataSet]]:
    """Open the training data, including soft labels, and the validation data."""
    training = _open_data_sets(specs, "train", show_notices)
    training += [open_soft_labels(folder) for folder in soft]
    return training, _open_data_sets(specs, "validation", show_notices=False)


def _choose_architecture(name: str | None, start: Checkpoint | None) -> Architecture:
    if start is None:
        return architecture_by_name(name or "lean")
    if name is not None and architecture_by_name(name) != start.architecture:
        raise UsageError(
            f"--arch {name}: the checkpoint of --start has architecture "
            f"'{start.architecture.name}'. Omit --arch."
        )
    return start.architecture


def _run_training(trainer: Trainer, validation: list[DataSet], process: DistributedContext) -> None:
    with stop_by_signals() as stop, ProgressDisplay() as display:
        events = open_tensorboard(trainer.out) if process.is_main else None

        def report(entry: LogEntry, progress: float) -> None:
            if events is not None:
                display.show(entry, progress)
                events(entry)

        completed = trainer.run(report, lambda: stop.asked)
    if completed and not trainer.step:
        raise UsageError(
            f"--minutes {trainer.config.minutes:g}: ended before the first step "
            f"(loading took {trainer.schedule.seconds:.0f} s). Increase --minutes."
        )
    if not process.is_main:
        return
    draw_curves(trainer.log, trainer.out / "curves.png")
    if not completed:
        print_line(f"Stopped. Saved in {trainer.out / LAST}. Continue with --resume.", err=True)
        raise SystemExit(130 if stop.signal == signal.SIGINT else 0)
    best = select_best(
        trainer.best_checkpoint(),
        trainer.start_weights,
        validation,
        trainer.validation_pairs,
        trainer.device,
    )
    file = trainer.out / BEST
    save_checkpoint(best, file)
    print_line(file)
    print_line(f"Next: edgeseg convert {shlex.quote(str(file))}", err=True)


def _draw_sheet(specs: tuple[str, ...], config: TrainConfig, file: Path) -> None:
    pair = _open_data_sets(specs, "train", show_notices=False)[0].pairs[0]
    (example,) = load_examples(pair, config.preprocessing, (config.sizes[0].size,))
    draw_contact_sheet(example, file, config.augmentation, config.crop, config.seed)
    print_line(file)


def _open_data_sets(specs: Sequence[str], split: SplitChoice, show_notices: bool) -> list[DataSet]:
    """Open the data sets of `--data` and print their notices to standard error."""
    data_sets = [open_data(spec, split) for spec in specs]
    for data_set in data_sets:
        if data_set.notice and show_notices:
            print_line(f"{data_set.name}: {data_set.notice}", err=True)
    return data_sets
