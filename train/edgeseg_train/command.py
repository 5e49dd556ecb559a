"""`edgeseg train`: photographs with vessel masks in, a checkpoint out."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import cv2
import torch

from edgeseg.cli import STARTED
from edgeseg.commands.options import reject_nan
from edgeseg.datasets import DataSet, Pair, SplitChoice, open_data
from edgeseg.errors import ModelError, SystemSetupError, UsageError
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg.system.files import make_folder, remove_stale_temporaries
from edgeseg.system.signals import stop_by_signals
from edgeseg_train.checkpoint import Checkpoint, WorkingSize, load_checkpoint, save_checkpoint
from edgeseg_train.config import TrainConfig
from edgeseg_train.data.crop_sampler import CropSampler
from edgeseg_train.data.photo_store import load_example, load_photographs
from edgeseg_train.network.complexity import count_gmac, count_parameters
from edgeseg_train.network.resunet import (
    ARCHITECTURES,
    Architecture,
    architecture_by_name,
    build_network,
)
from edgeseg_train.reporting.log import LogEntry, write_log
from edgeseg_train.reporting.plots import draw_contact_sheet, draw_curves
from edgeseg_train.reporting.progress import ProgressDisplay, tensorboard
from edgeseg_train.training.compute import (
    COMPUTE_MODES,
    ComputeMode,
    DistributedContext,
    fastest_compute_mode,
    join_processes,
)
from edgeseg_train.training.losses import LossWeights
from edgeseg_train.training.trainer import BEST, LAST, LOG, Trainer, arithmetic_of, read_state
from edgeseg_train.validation.model_selection import select_best
from edgeseg_train.validation.validate import cache_pairs

PLOT_SECONDS = 1.0
"""For `curves.png` and the last files, of a run of fixed minutes."""

CROP_SCALES = (0.8, 1.0, 1.25, 1.6)
"""Crops come from photographs at these multiples of the first working size, and at the other working sizes."""


def _list(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    for member in ARCHITECTURES.values():
        network = build_network(member)
        own = f"{count_gmac(network, member.size):7.2f} GMAC at its own {member.size}"
        millions = count_parameters(network) / 1e6
        click.echo(
            f"{member.name:16} {millions:6.2f} M parameters  {count_gmac(network, 512):7.2f} GMAC at 512  {own}"
        )
    ctx.exit()


@click.command()
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list,
              help="Show the architectures, their parameters and GMAC.")  # fmt: skip
@click.option("--data", "specs", multiple=True, required=True, metavar="NAME:DIR",
              help="Photographs with masks; may be given several times.")  # fmt: skip
@click.option(
    "--arch", metavar="NAME", help="Architecture; see --list.  [default: lean, or that of --start]"
)
@click.option("--start", type=click.Path(path_type=Path, dir_okay=False), metavar="CKPT.pt",
              help="Start from the weights of this checkpoint, such as a shipped one; at the end, the best on the "
                   "way from them to the trained ones is kept.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Folder for best.pt, last.pt, log.csv and curves.png.")  # fmt: skip
@click.option("--size", "sizes", multiple=True, metavar="[NAME=]N",
              help="Working size in pixels; several with names.  [default: the architecture's own]")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Length of the run.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), callback=reject_nan, metavar="M",
              help="Length of the run, all sittings together.")  # fmt: skip
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
@click.option("--arithmetic", type=click.Choice(["auto", *COMPUTE_MODES]), default="auto", show_default=True,
              help="auto measures a few steps; name one to repeat a run bit for bit.")  # fmt: skip
@click.option("--crop", type=click.IntRange(32, 4096), default=256, show_default=True, metavar="N",
              help="Side of a training crop in pixels.")  # fmt: skip
@click.option(
    "--batch",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    metavar="N",
    help="Crops a step.",
)
@click.option("--learning-rate", type=click.FloatRange(0, 1, min_open=True), callback=reject_nan, default=3e-3,
              show_default=True, help="AdamW's, at its peak; with --start give about a third of this.")  # fmt: skip
@click.option("--loss", type=(float, float, float), default=(0.5, 0.3, 0.2), show_default=True,
              metavar="DICE BCE FOCAL", help="Weights of the loss's terms.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on where last.pt in DIR stopped; start anew where there is none.",
)
@click.option("--show-augmentations", "sheet", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.png",
              help="Draw what the augmentations do to a photograph, and train nothing.")  # fmt: skip
def train(
    specs: tuple[str, ...],
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
    seed: int,
    resume: bool,
    sheet: Path | None,
) -> None:
    """Train a network; the best checkpoint on the validation photographs is DIR/best.pt.

    Several GPUs or machines: torchrun --nproc-per-node N -m edgeseg train ...
    """
    started = click.get_current_context().meta.get(STARTED, time.monotonic())
    begun = load_checkpoint(start) if start is not None else None
    member = _member(arch, begun)
    if sheet is not None:
        _draw_sheet(
            specs, _plan(member, sizes, 1, None, crop, batch, learning_rate, loss, seed), sheet
        )
        return
    if out is None:
        raise UsageError("--out DIR is missing: where should the checkpoint go?")
    plan = _plan(member, sizes, epochs, minutes, crop, batch, learning_rate, loss, seed)
    process = join_processes(chosen := _device(device))
    if batch % process.world:
        raise UsageError(f"--batch {batch}: must be a multiple of the {process.world} processes")
    make_folder(out)
    state = read_state(out) if resume else None
    _prepare_folder(out, resume, state is not None, process)
    run, validation = _ready(
        plan, out, specs, torch.device(chosen), arithmetic, process, started, state
    )
    if begun is not None and state is None:
        run.start_from(begun)
    _train(run, validation, process)


def _member(arch: str | None, begun: Checkpoint | None) -> Architecture:
    if begun is None:
        return architecture_by_name(arch or "lean")
    if arch is not None and architecture_by_name(arch) != begun.architecture:
        raise UsageError(
            f"--arch {arch}: --start holds a '{begun.architecture.name}'; leave --arch out"
        )
    return begun.architecture


def _plan(
    member: Architecture,
    sizes: tuple[str, ...],
    epochs: int | None,
    minutes: float | None,
    crop: int,
    batch: int,
    learning_rate: float,
    loss: tuple[float, float, float],
    seed: int,
) -> TrainConfig:
    if (epochs is None) == (minutes is None):
        raise UsageError("give the run a length: either --epochs N or --minutes M")
    if not all(0 <= weight < math.inf for weight in loss) or not any(loss):
        raise UsageError(f"--loss {loss}: three weights of at least 0, one above it")
    working = tuple(_working_size(text, member) for text in sizes) or (
        WorkingSize("default", member.size),
    )
    if len({size.name for size in working}) < len(working):
        raise UsageError(
            "--size: two working sizes have one name; name them as in --size detail=1024"
        )
    if crop % member.multiple:
        raise UsageError(f"--crop {crop}: '{member.name}' needs a multiple of {member.multiple}")
    first, step = working[0].size, member.multiple
    scaled = {max(crop, round(first * scale / step) * step) for scale in CROP_SCALES}
    scaled |= {max(crop, size.size) for size in working}
    return TrainConfig(
        member,
        preprocessing_preset("edge", first),
        working,
        tuple(sorted(scaled)),
        epochs=epochs,
        minutes=minutes,
        crop=crop,
        batch=batch,
        learning_rate=learning_rate,
        seed=seed,
        loss=LossWeights(*loss),
    )


def _working_size(text: str, member: Architecture) -> WorkingSize:
    name, equals, number = text.rpartition("=")
    if not number.isdecimal() or not 64 <= int(number) <= 4096 or (equals and not name):
        raise UsageError(f"--size {text}: expected N or NAME=N, N from 64 to 4096 pixels")
    if int(number) % member.multiple:
        nearest = max(1, round(int(number) / member.multiple)) * member.multiple
        raise UsageError(
            f"--size {text}: '{member.name}' needs a multiple of {member.multiple}, such as {nearest}"
        )
    try:
        return WorkingSize(name or "default", int(number))
    except ModelError as error:
        raise UsageError(f"--size {text}: {error}") from error


def _device(wanted: str) -> str:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise SystemSetupError("--device cuda: PyTorch finds no CUDA device here; use --device cpu")
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


def _prepare_folder(out: Path, resume: bool, resumed: bool, process: DistributedContext) -> None:
    """Neither overwrite a run that someone may want, nor mix two."""
    if not process.leads:
        return
    remove_stale_temporaries(out)
    if resumed:
        return
    if resume:
        click.echo(f"{out / LAST} is not there: nothing to resume, starting anew", err=True)
        for name in (BEST, LOG):
            (out / name).unlink(missing_ok=True)
    elif (out / BEST).exists() or (out / LAST).exists():
        raise UsageError(
            f"--out {out}: holds a run already; go on with --resume, or choose another folder"
        )
    write_log([], out / LOG)  # a full disk is told now, not after minutes


def _opened(specs: tuple[str, ...], split: SplitChoice, quiet: bool) -> list[DataSet]:
    opened = [open_data(spec, split) for spec in specs]
    for data_set in opened:
        if data_set.notice and not quiet:
            click.echo(f"{data_set.name}: {data_set.notice}", err=True)
    return opened


def _ready(
    plan: TrainConfig,
    out: Path,
    specs: tuple[str, ...],
    device: torch.device,
    wanted: str,
    process: DistributedContext,
    started: float,
    state: Mapping[str, object] | None,
) -> tuple[Trainer, list[DataSet]]:
    """Load the photographs, see how this machine computes best, and go back to where an earlier sitting was."""
    cv2.setNumThreads(1)  # photographs are loaded and judged one a thread
    # Every step has the same shapes; of two sittings of fixed epochs both must compute alike.
    torch.backends.cudnn.benchmark = plan.epochs is None
    training = _opened(specs, "train", not process.leads)
    validation = _opened(specs, "validation", True)
    pairs: Sequence[Pair] = [pair for data_set in training for pair in data_set.pairs]
    photographs = load_photographs(pairs, plan.preprocessing, plan.photograph_sizes)
    photographs.move_to(device)
    share = plan.batch // process.world
    crops = CropSampler(
        photographs,
        plan.crop,
        share,
        plan.seed,
        plan.augmentation,
        process.rank,
        process.world,
        plan.coverage,
    )
    before = time.monotonic()
    held = cache_pairs(validation, plan.preprocessing, plan.sizes[0].size) if process.leads else ()
    holding = time.monotonic() - before
    arithmetic = _arithmetic(wanted, plan, share, device, process, state)
    if process.leads:
        how = next(name for name, known in COMPUTE_MODES.items() if known == arithmetic)
        click.echo(
            f"{len(pairs)} photographs, {len(held)} for validation; {device.type}, {how}", err=True
        )
    run = Trainer(plan, out, training, crops, held, device, arithmetic, process, started)
    run.closing_seconds = (len(plan.sizes) - 1) * holding + PLOT_SECONDS
    if state is not None:
        run.resume(state)
    return run, validation


def _arithmetic(
    wanted: str,
    plan: TrainConfig,
    share: int,
    device: torch.device,
    process: DistributedContext,
    state: Mapping[str, object] | None,
) -> ComputeMode:
    if wanted in COMPUTE_MODES:
        return COMPUTE_MODES[wanted]
    if state is not None:
        return arithmetic_of(state)
    if (
        process.world > 1
    ):  # all must compute alike, and what one of them measures is not true of the others
        return ComputeMode()
    return fastest_compute_mode(plan.architecture, plan.crop, share, device)


def _train(run: Trainer, validation: list[DataSet], process: DistributedContext) -> None:
    with stop_by_signals() as stop, ProgressDisplay() as display:
        events = tensorboard(run.out) if process.leads else lambda point: None

        def tell(point: LogEntry, progress: float) -> None:
            if process.leads:
                display.show(point, progress)
                events(point)

        done = run.go(tell, lambda: stop.asked)
    if done and not run.step:
        raise UsageError(
            f"--minutes {run.plan.minutes:g}: over before the first step (loading took {run.seconds:.0f} s); give more"
        )
    if not process.leads:
        return
    draw_curves(run.points, run.out / "curves.png")
    if not done:
        click.echo(f"stopped and saved in {run.out / LAST}; go on with --resume", err=True)
        raise SystemExit(130 if stop.signal == signal.SIGINT else 0)
    final = select_best(run.trained(), run.start, validation, run.held, run.device)
    save_checkpoint(final, run.out / BEST)
    click.echo(os.fspath(run.out / BEST))


def _draw_sheet(specs: tuple[str, ...], plan: TrainConfig, file: Path) -> None:
    pair = _opened(specs, "train", True)[0].pairs[0]
    whole = load_example(pair, plan.preprocessing, plan.sizes[0].size)
    draw_contact_sheet(whole, file, plan.augmentation, plan.crop, plan.seed)
    click.echo(os.fspath(file))
