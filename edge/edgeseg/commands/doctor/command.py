"""`edgeseg doctor`: diagnosis of the device."""

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple, get_args

import click

from edgeseg.commands.doctor.runtime_checks import RuntimeCheck, check_providers, check_runtimes
from edgeseg.commands.doctor.tuning import (
    DEFAULT_FILE,
    TuningResult,
    describe_tuning,
    tune_and_save,
)
from edgeseg.commands.options import json_option
from edgeseg.console import facts_table, plural, print_json, print_table
from edgeseg.device import (
    DeviceInfo,
    describe_device,
    device_warnings,
    installed_versions,
    package_warnings,
)
from edgeseg.models.selection import (
    FP16_FEATURES,
    INT8_FEATURES,
    ModelSelection,
    select_model,
)
from edgeseg.runtimes.base import INSTALL_HINTS, RuntimeName, installed_runtimes


class Diagnosis(NamedTuple):
    """Result of `edgeseg doctor`.

    Attributes:
        device: facts about the device.
        versions: versions of the relevant packages.
        selection: model file, runtime and threads that `run` selects.
        runtimes: checks of the runtimes with the selected file.
        providers: checks of ONNX Runtime's execution providers with the selected file.
        warnings: warnings as text, with remedies.
        tuning: result of `--tune`, if requested.
    """

    device: DeviceInfo
    versions: dict[str, str]
    selection: ModelSelection
    runtimes: Sequence[RuntimeCheck]
    providers: Sequence[RuntimeCheck]
    warnings: Sequence[str]
    tuning: TuningResult | None

    @property
    def selected_runtime_works(self) -> bool:
        """Return whether the runtime that `run` selects passed its check."""
        return self.selection.runtime in [check.name for check in self.runtimes if check]

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        file = self.selection.file
        values = {
            "device": self.device.to_dict(),
            "versions": self.versions,
            "runtimes": self.runtimes,
            "providers": self.providers,
            "choice": {
                "model": file.name,
                "file": str(file.path),
                "precision": file.card.precision,
                "runtime": self.selection.runtime if self.selected_runtime_works else None,
                "threads": self.selection.threads,
                "reason": file.reason,
            },
            "warnings": self.warnings,
        }
        if self.tuning is not None:
            values["tuned"] = self.tuning.to_dict()
        return values


@click.command()
@click.option(
    "--model",
    default="default",
    show_default=True,
    metavar="NAME|FILE",
    help="Shipped model or model file.",
)
@click.option(
    "--tune",
    "tune_file",
    is_flag=False,
    flag_value=DEFAULT_FILE,
    metavar="[FILE]",
    help="Find the fastest setup for `run`, and store it in FILE.",
)
@json_option
def doctor(model: str, tune_file: str | None, as_json: bool) -> None:
    """Diagnose this device: runtimes, providers, and the model that `run` selects.

    Each runtime and execution provider runs the model in a separate process. The exit code is 7 if
    no runtime works. --tune measures time and stores the fastest setup in FILE (default:
    $EDGESEG_CHOICES, otherwise edgeseg/choices.json in the user's configuration folder). `edgeseg
    run` reads another FILE only if EDGESEG_CHOICES contains its path. If EDGESEG_CHOICES is empty,
    no stored setup is used. Nothing is stored without --tune.
    """
    diagnosis = _diagnose(model, None if tune_file is None else tune_and_save(model, tune_file))
    if as_json:
        print_json(diagnosis.to_dict())
    else:
        device = _describe_device(diagnosis.device)
        print_table(facts_table(*device, *_describe_software(diagnosis)))
    if not any(diagnosis.runtimes):
        click.echo("edgeseg: no runtime can run the model on this device", err=True)
        sys.exit(7)


def _diagnose(model: str, tuning: TuningResult | None) -> Diagnosis:
    device = describe_device()  # before the checks, which use all cores
    selection = select_model(model)
    installed = [name for name in get_args(RuntimeName) if name in installed_runtimes()]
    runtimes = check_runtimes(installed, selection.file.path)
    for name, hint in INSTALL_HINTS.items():
        if name not in installed:
            runtimes.append(RuntimeCheck(name, False, f"not installed ({hint})", installed=False))
    warnings = [*package_warnings(), *device_warnings(device)]
    working = [check.name for check in runtimes if check]
    if working and selection.runtime not in working:
        warnings.append(
            f"`edgeseg run` selects {selection.runtime}, which does not work: "
            f"use --runtime {working[0]}"
        )
    providers = check_providers(selection.file.path)
    return Diagnosis(device, installed_versions(), selection, runtimes, providers, warnings, tuning)


def _describe_device(device: DeviceInfo) -> Iterator[tuple[str, str]]:
    if device.board:
        yield "board", device.board
    yield "CPU", f"{device.cpu or 'unknown'} ({device.machine}, {device.bits}-bit)"
    cores = str(device.cores)
    if device.usable_cores != device.cores:
        cores += f" ({device.usable_cores} usable by this process)"
    yield "cores", cores
    yield "half precision", _describe_fp16(device.features)
    yield "INT8", _describe_int8(device.features)
    yield "features", " ".join(device.features) or "unknown"
    yield "memory", f"{device.memory_bytes / 2**30:.1f} GiB"
    yield "system", device.os
    clock = f"governor {device.governor or 'unknown'}"
    if device.temperature_c is not None:
        clock += f", {device.temperature_c:.0f} °C"
    state = "CPU is throttled" if device.throttling else "no CPU throttling detected"
    yield "clock", f"{clock}; {state}"


def _describe_fp16(features: Sequence[str]) -> str:
    if set(features) >= FP16_FEATURES:
        return "yes: ONNX Runtime computes FP16 files in half precision"
    return "no: ONNX Runtime computes FP16 files in FP32"


def _describe_int8(features: Sequence[str]) -> str:
    names = [name for feature, name in INT8_FEATURES.items() if feature in features]
    if not names:
        return "no: INT8 is hardly faster than FP32"
    return f"yes ({', '.join(dict.fromkeys(names))}): INT8 is faster than FP32"


def _describe_software(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    yield "versions", ", ".join(f"{name} {text}" for name, text in diagnosis.versions.items())
    selection = diagnosis.selection
    for check in diagnosis.runtimes:
        yield f"runtime {check.name}", _describe_check(check, check.name == selection.runtime)
    for number, check in enumerate(diagnosis.providers):
        name = check.name.removesuffix("ExecutionProvider")
        yield f"provider {name}", _describe_check(check, is_required=number == 0)
    file = selection.file
    yield "selected model", f"{file.card.precision} of {file.name}: {file.reason}"
    yield "", str(file.path)
    yield "selected runtime", _describe_selected_runtime(diagnosis)
    if diagnosis.tuning is not None:
        yield from describe_tuning(diagnosis.tuning)
    for warning in diagnosis.warnings:
        yield "WARNING", warning


def _describe_selected_runtime(diagnosis: Diagnosis) -> str:
    if not any(diagnosis.runtimes):
        return "none: no runtime works"
    runtime, threads = diagnosis.selection.runtime, diagnosis.selection.threads
    if not diagnosis.selected_runtime_works:
        return f"{runtime}, which does not work"
    reason = "OpenVINO is installed" if runtime == "openvino" else "the default"
    if diagnosis.selection.tuned:
        reason = "measured by --tune"
    return f"{runtime} with {plural(threads, 'thread')}: {reason}"


def _describe_check(check: RuntimeCheck, is_required: bool) -> str:
    """Describe a check.

    A failure is in capital letters if `run` selects this runtime or provider.
    """
    if not check.installed:
        return check.note
    failure = "DOES NOT WORK" if is_required else "does not work"
    return f"{'works' if check else failure}: {check.note}"
