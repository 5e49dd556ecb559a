"""What to measure: the command line -> the rows, model x precision x runtime x threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import cast, get_args

from edgeseg.device import cpu
from edgeseg.errors import EdgesegError, ModelError
from edgeseg.models.card import Precision, read_card
from edgeseg.models.catalog import SHIPPED_MODELS, ModelFile, PrecisionChoice
from edgeseg.models.selection import ModelSelection, choose_precision, resolve_model, select_model
from edgeseg_benchmarks.record.row import RowKey

DEFAULT_RUNTIME = "onnxruntime"
PACKAGES = {DEFAULT_RUNTIME: ("onnxruntime",), "openvino": ("openvino",), "ncnn": ("ncnn", "pnnx")}
"""The runtimes that a row may name, and the packages that must be there."""
PEER = "ncnn"
"""Measured here only, in FP32; the device does not use it."""


@dataclass(frozen=True)
class BenchOptions:
    """What the command line asks for.

    Attributes:
        models: shipped names or files, the yardstick first.
        precisions: of each, FP32 first.
        every: every shipped model, precision and installed runtime that there is.
        runtimes: by name; empty for those that are installed.
        threads: numbers of threads.
        data: `NAME:DIR` each, Dice over their test split.
        rounds: None for as many as fit the time.
        warmup: untimed frames before the first round.
        reference: ResUNet-Deeper too.
        timeout_s: for one answer of a row's process.
        only: of all these rows; empty for all.
        bounds: also what the first model costs against yardsticks, in the precision that the rule of `auto` takes.
    """

    models: tuple[str, ...] = ("default",)
    precisions: tuple[Precision, ...] = ("fp32",)
    every: bool = False
    runtimes: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    data: tuple[str, ...] = ()
    rounds: int | None = None
    warmup: int = 3
    reference: bool = False
    timeout_s: float = 600.0
    only: frozenset[RowKey] = frozenset()
    bounds: bool = False


@dataclass(frozen=True)
class RowSpec:
    """A row to be.

    Attributes:
        key: what it measures.
        file: to load; None where there is none.
        failure: why it cannot even be tried, or "".
        taken_by_auto: `--precision auto` would take this file here.
        remarks: what the row must say of itself.
        scored: whether its Dice means anything.
    """

    key: RowKey
    file: Path | None
    failure: str = ""
    taken_by_auto: bool = False
    remarks: tuple[str, ...] = ()
    scored: bool = True


def in_autos_precision(candidate: RowSpec, model: str) -> RowSpec:
    """The same row in the precision that the rule of `auto` takes of this model here; as it is, where that fails."""
    try:
        file = resolve_model(model, "auto", cpu.cpu_features())
    except EdgesegError:
        return candidate
    return replace(
        candidate, key=replace(candidate.key, precision=file.card.precision), file=file.path
    )


def installed_runtimes() -> tuple[str, ...]:
    """Names of those whose package is there; whether one works is seen when its row loads."""
    return tuple(name for name, packages in PACKAGES.items() if all(map(find_spec, packages)))


def candidates(order: BenchOptions) -> list[RowSpec]:
    """The rows, in the table's order; one whose file is not there says so instead of ending the bench."""
    runtimes = order.runtimes or installed_runtimes()
    threads = order.threads or (cpu.usable_cores(),)
    models = tuple(dict.fromkeys((*order.models, *(SHIPPED_MODELS if order.every else ()))))
    found = [
        RowSpec(
            RowKey(name, precision, runtime, number),
            file,
            failure,
            _is_plan(plan, file, runtime, number),
            remarks,
        )
        for model in models
        for plan in (_plan(model),)
        for name, precision, file, failure, remarks in _files(model, order)
        for runtime in runtimes
        if runtime != PEER or precision == "fp32"
        for number in threads
    ]
    once = [
        candidate for k, candidate in enumerate(found) if not _measured_before(candidate, found[:k])
    ]
    named = [_named_apart(candidate, once[:k]) for k, candidate in enumerate(once)]
    return [candidate for candidate in named if not order.only or candidate.key in order.only]


def _measured_before(candidate: RowSpec, before: list[RowSpec]) -> bool:
    """`--model x.fp32.onnx --model x.int8.onnx`: the first brings the other's FP32 row already."""
    return candidate.file is not None and any(
        other.file is not None
        and other.file.resolve() == candidate.file.resolve()
        and other.key == candidate.key
        for other in before
    )


def _named_apart(candidate: RowSpec, before: list[RowSpec]) -> RowSpec:
    """Two files of one name in two folders are two rows."""
    taken, key, count = {other.key for other in before}, candidate.key, 2
    while key in taken:
        key, count = replace(candidate.key, model=f"{candidate.key.model} ({count})"), count + 1
    return replace(candidate, key=key)


def _plan(model: str) -> ModelSelection | None:
    """What `edgeseg run` takes of a model; None where it is a file, of which there is nothing to choose."""
    if model.endswith(".onnx"):
        return None
    try:
        return select_model(model)
    except EdgesegError:
        return None


def _is_plan(plan: ModelSelection | None, file: Path | None, runtime: str, threads: int) -> bool:
    """The rule's choice is marked with any number of threads, a tuned one with its own."""
    if plan is None or file != plan.file.path or runtime != plan.runtime:
        return False
    return not plan.tuned or threads == plan.threads


_File = tuple[str, str, Path | None, str, tuple[str, ...]]


def _files(model: str, order: BenchOptions) -> Iterator[_File]:
    """Name, precision, file, why there is none, and remarks: for each precision of a model."""
    taken = _quietly(model, "auto")
    own = _own_precision(model, taken)
    wanted = get_args(Precision) if order.every else order.precisions
    half = _half_for_this_device(model) if "fp16" in wanted else None
    for precision in dict.fromkeys((own, *wanted) if own is not None else wanted):
        try:
            found = resolve_model(
                model,
                "auto" if precision == own else cast("PrecisionChoice", precision),
                cpu.cpu_features(),
            )
        except ModelError as error:
            # Nobody asked for this one by name: without a file it is no row. One that is damaged is.
            implied = (order.every and taken is not None) or (
                precision == "fp32" and own not in (None, "fp32")
            )
            if not implied or _beside(model, precision).is_file():
                yield (
                    (row_name(model) if taken is None else taken.name),
                    precision,
                    None,
                    str(error),
                    (),
                )
            continue
        marked = ("the half precision for this device",) if found.path == half else ()
        yield found.name, found.card.precision, found.path, "", marked


def _own_precision(model: str, taken: ModelFile | None) -> str | None:
    """Of a file that was named: what it says, else what its name says; None where a model was named, or neither does.

    Without it a damaged `x.int8.onnx` would be passed over for the `x.fp32.onnx` beside it.
    """
    if not model.endswith(".onnx"):
        return None
    return taken.card.precision if taken is not None else told_by_name(model)


def told_by_name(model: str) -> Precision | None:
    """`x.int8.onnx` -> `int8`."""
    return next(
        (precision for precision in get_args(Precision) if model.endswith(f".{precision}.onnx")),
        None,
    )


def _beside(model: str, precision: str) -> Path:
    """Of a model, the file in this precision, there or not."""
    file, own = Path(model), told_by_name(model)
    stem = file.name.removesuffix(".onnx" if own is None else f".{own}.onnx")
    return file.with_name(f"{stem}.{precision}.onnx")


def row_name(model: str) -> str:
    """Of a model that is not there or cannot be read, printable and short."""
    name = Path(model).name.removesuffix(".onnx")
    for precision in get_args(Precision):
        name = name.removesuffix(f".{precision}")
    return "".join(letter for letter in name if letter.isprintable())[:80] or "model"


def _quietly(model: str, precision: PrecisionChoice) -> ModelFile | None:
    try:
        return resolve_model(model, precision, cpu.cpu_features())
    except EdgesegError:
        return None


def _half_for_this_device(model: str) -> Path | None:
    """Of a model's two half-precision files, that which auto's rule takes where there are only these two."""
    files = {
        found.card.precision: found.path for p in ("fp16", "fp16w") if (found := _quietly(model, p))
    }
    if not files:
        return None
    return files[
        choose_precision({p: read_card(file) for p, file in files.items()}, cpu.cpu_features())[0]
    ]
