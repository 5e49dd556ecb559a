"""`edgeseg doctor`: the device at hand, what works on it, and what `edgeseg run` would take there."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import click

from edgeseg.commands.doctor.tuning import IN_THE_USUAL_PLACE, Tuned, rows, tune

if TYPE_CHECKING:
    from edgeseg.commands.doctor.runtime_checks import RuntimeCheck
    from edgeseg.device import DeviceInfo
    from edgeseg.models.catalog import ModelFile
    from edgeseg.models.selection import ModelSelection


@dataclass(frozen=True)
class Examination:
    """All that was found.

    Attributes:
        device: the board, its cores, its memory, its clock.
        versions: of what computes.
        plan: what `run` would take: the file with the reason, the runtime, the threads.
        runtimes: each tried on that file.
        providers: ONNX Runtime's, each tried on that file.
        warnings: sentences, with remedies.
        tuned: what was measured, where that was asked for.
    """

    device: DeviceInfo
    versions: dict[str, str]
    plan: ModelSelection
    runtimes: Sequence[RuntimeCheck]
    providers: Sequence[RuntimeCheck]
    warnings: Sequence[str]
    tuned: Tuned | None = None

    @property
    def model(self) -> ModelFile:
        """The file that `run` would take."""
        return self.plan.file

    @property
    def runtime(self) -> RuntimeCheck | None:
        """The runtime that `run` would take; None where that does not work."""
        return next(
            (trial for trial in self.runtimes if trial and trial.name == self.plan.runtime), None
        )

    def to_dict(self) -> dict[str, object]:
        """As in JSON."""
        return {
            "device": self.device.to_dict(),
            "versions": self.versions,
            "runtimes": [trial.to_dict() for trial in self.runtimes],
            "providers": [trial.to_dict() for trial in self.providers],
            "choice": {
                "model": self.model.name,
                "file": str(self.model.path),
                "precision": self.model.card.precision,
                "runtime": self.runtime.name if self.runtime else None,
                "threads": self.plan.threads,
                "reason": self.model.reason,
            },
            "warnings": list(self.warnings),
        } | ({} if self.tuned is None else {"tuned": self.tuned.to_dict()})


@click.command()
@click.option(
    "--model",
    default="default",
    show_default=True,
    metavar="NAME|FILE",
    help="Shipped model, or a file.",
)
@click.option("--tune", "tune_file", is_flag=False, flag_value=IN_THE_USUAL_PLACE, metavar="[FILE]",
              help="Also measure which runtime, precision and number of threads is fastest for the model, and write "
                   "the choice for `run` to take.  [default: edgeseg/choices.json in your configuration folder]",
              )  # fmt: skip
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object on standard output, and nothing else there.",
)
def doctor(model: str, tune_file: str | None, as_json: bool) -> None:
    """Look at the device: what it is, which runtimes really work, and what `edgeseg run` would take.

    Runtimes and execution providers are tried, not listed: each computes the model in a process of its own. Exit code
    7 where none can. Nothing is timed without --tune.
    """
    examination = _examine(model, None if tune_file is None else tune(model, tune_file))
    if as_json:
        click.echo(json.dumps(examination.to_dict(), indent=2, allow_nan=False))
    else:
        _print(examination)
    if not any(examination.runtimes):
        click.echo("edgeseg: no runtime can compute the model on this device", err=True)
        sys.exit(7)


def _examine(model: str, tuned: Tuned | None) -> Examination:
    from edgeseg.commands.doctor.runtime_checks import RuntimeCheck, check_providers, check_runtimes
    from edgeseg.device import describe_device, device_warnings, installed_versions
    from edgeseg.models.selection import select_model
    from edgeseg.runtimes.base import RuntimeName, install_remedy, installed_runtimes

    device = describe_device()  # before the trials, which load the machine
    plan = select_model(model)
    names, there = get_args(RuntimeName), installed_runtimes()
    absent = [
        RuntimeCheck(name, False, f"not installed ({install_remedy(name)})", False)
        for name in names
        if name not in there
    ]
    runtimes = [*check_runtimes([name for name in names if name in there], plan.file.path), *absent]
    warnings = (*device_warnings(device), *_broken(plan, runtimes))
    return Examination(
        device,
        installed_versions(),
        plan,
        runtimes,
        check_providers(plan.file.path),
        warnings,
        tuned,
    )


def _broken(plan: ModelSelection, runtimes: Sequence[RuntimeCheck]) -> Iterator[str]:
    """What `run` takes does not work, but another does."""
    works = [trial.name for trial in runtimes if trial]
    if works and plan.runtime not in works:
        yield f"`edgeseg run` takes {plan.runtime}, which does not work: name another, --runtime {works[0]}"


def _print(examination: Examination) -> None:
    from rich.table import Table

    from edgeseg.console import print_table, safe_text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for heading, text in (*_device_rows(examination.device), *_software_rows(examination)):
        table.add_row(heading, safe_text(text))
    print_table(table)


def _device_rows(device: DeviceInfo) -> Iterator[tuple[str, str]]:
    if device.board:
        yield "board", device.board
    usable = (
        ""
        if device.usable_cores == device.cores
        else f", of which this process may use {device.usable_cores}"
    )
    yield "CPU", f"{device.cpu or 'unknown'} ({device.machine}, {device.bits} bits)"
    yield "cores", f"{device.cores}{usable}"
    yield "half precision", _half(device.features)
    yield "8-bit", _eight_bit(device.features)
    yield "features", " ".join(device.features) or "unknown"
    yield "memory", f"{device.memory_bytes / 2**30:.1f} GiB"
    yield "system", device.os
    heat = "" if device.temperature_c is None else f", {device.temperature_c:.0f} °C"
    held = (
        "the clock is held down"
        if device.throttling
        else "nothing holds the clock down, as far as can be seen"
    )
    yield "clock", f"governor {device.governor or 'unknown'}{heat}; {held}"


def _half(features: Sequence[str]) -> str:
    if {"fphp", "asimdhp"} <= set(features):
        return "yes (fphp, asimdhp): ONNX Runtime computes fp16 files in it"
    return "no: ONNX Runtime computes fp16 files in FP32"


def _eight_bit(features: Sequence[str]) -> str:
    from edgeseg.models.catalog import INT8_FEATURES

    have = dict.fromkeys(word for feature, word in INT8_FEATURES.items() if feature in features)
    return (
        f"yes ({', '.join(have)}): 8-bit products come faster than FP32 ones"
        if have
        else "neither AVX2 nor dot product: INT8 gains little"
    )


def _software_rows(examination: Examination) -> Iterator[tuple[str, str]]:
    yield (
        "versions",
        ", ".join(f"{package} {number}" for package, number in examination.versions.items()),
    )
    for trial in examination.runtimes:
        yield f"runtime {trial.name}", _said(trial, trial.name == examination.plan.runtime)
    for number, trial in enumerate(examination.providers):
        yield f"provider {trial.name.removesuffix('ExecutionProvider')}", _said(trial, number == 0)
    model, runtime = examination.model, examination.runtime
    yield "run takes", f"{model.card.precision} of {model.name}: {model.reason}"
    yield "", str(model.path)
    yield "run computes in", _taken(runtime, examination)
    yield from () if examination.tuned is None else rows(examination.tuned)
    for warning in examination.warnings:
        yield "WARNING", warning


def _taken(runtime: RuntimeCheck | None, examination: Examination) -> str:
    plan = examination.plan
    if runtime is None:
        return (
            f"{plan.runtime}, which does not work"
            if any(examination.runtimes)
            else "nothing: no runtime works"
        )
    why = (
        "as it was tuned"
        if plan.tuned
        else "OpenVINO is installed"
        if plan.runtime == "openvino"
        else "the default"
    )
    return f"{runtime.name} with {plan.threads} thread{'' if plan.threads == 1 else 's'}: {why}"


def _said(trial: RuntimeCheck, needed: bool) -> str:
    """In capitals where `run` wants it: every wheel of ONNX Runtime lists providers that no board has."""
    if not trial.installed:
        return trial.note
    return f"{'works' if trial else 'DOES NOT WORK' if needed else 'does not work'}: {trial.note}"
