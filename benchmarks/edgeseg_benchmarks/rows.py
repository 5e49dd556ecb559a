"""Rows of a benchmark: combinations of model, precision, runtime and threads."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

from edgeseg.device import cpu
from edgeseg.errors import EdgesegError, ModelError, SystemSetupError, escape_text, missing_extra
from edgeseg.models.card import Precision
from edgeseg.models.catalog import MODEL_FOLDER, SHIPPED_MODELS, ModelFile, strip_precision
from edgeseg.models.selection import ModelSelection, choose_precision, resolve_model, select_model
from edgeseg.runtimes.base import resolve_runtime
from edgeseg_benchmarks.options import BenchOptions
from edgeseg_benchmarks.record import BenchRuntime, RowKey
from edgeseg_benchmarks.worker.ncnn_backend import INSTALL

DEFAULT_RUNTIME: BenchRuntime = "onnxruntime"
PACKAGES: dict[BenchRuntime, tuple[str, ...]] = {
    DEFAULT_RUNTIME: (),  # always installed
    "openvino": ("openvino",),
    "ncnn": ("ncnn", "pnnx"),
}
NCNN: BenchRuntime = "ncnn"  # measured in FP32; not supported by `edgeseg run`
HALF_PRECISION_REMARK = "FP16 variant for this device"


@dataclass(frozen=True)
class RowSpec:
    """Row of a benchmark before it is measured.

    Attributes:
        key: identity of the row.
        file: model file; None if it is missing or damaged.
        failure: reason why the row cannot be measured, or "".
        remarks: limitations, as text.
        taken_by_auto: whether `auto` selects this file and runtime on this device.
        scored: whether the model's Dice is meaningful.
        model: name or file of the model in the options; "" for the reference model.
    """

    key: RowKey
    file: Path | None
    failure: str = ""
    remarks: tuple[str, ...] = ()
    taken_by_auto: bool = False
    scored: bool = True
    model: str = ""


def installed_bench_runtimes() -> tuple[BenchRuntime, ...]:
    """Return the runtimes whose packages are installed, ONNX Runtime first.

    If an installed runtime does not work, its row reports the reason.
    """
    return tuple(name for name, packages in PACKAGES.items() if all(map(find_spec, packages)))


def require_extra(extra: str, option: str, *packages: str) -> None:
    """Check that the packages of an extra are installed.

    Args:
        extra: name of the extra.
        option: command-line option that requires the extra, for the error message.
        packages: import names of the required packages.

    Raises:
        SystemSetupError: A package is missing.
    """
    for package in packages:
        if find_spec(package) is None:
            raise missing_extra(option, extra, package)


def require_runtimes(names: Sequence[BenchRuntime]) -> None:
    """Check that the packages of runtimes are installed.

    Raises:
        SystemSetupError: A package is missing.
    """
    for name in names:
        if name != "ncnn":
            resolve_runtime(name)
        elif name not in installed_bench_runtimes():
            raise SystemSetupError(f"--runtime ncnn: not installed. {INSTALL}")


def select_rows(options: BenchOptions) -> list[RowSpec]:
    """Return the rows in the order of the table.

    If the file of a row is missing or damaged, the row contains the reason. A file that is given
    twice has one row. Models with the same name in different folders are named `NAME` and `NAME
    (2)` in all their rows. Names are escaped, because JSON cannot contain names that are not UTF-8.
    """
    rows: dict[RowKey, RowSpec] = {}
    owners: dict[str, Path] = {}  # model of each name in the table
    known: set[tuple[Path | None, RowKey]] = set()
    for row in _list_rows(options):
        identity = (row.file and row.file.resolve(), row.key)
        if row.file is not None and identity in known:
            continue
        known.add(identity)
        model = _path_without_precision(row.model)
        name = escape_text(row.key.model)
        key, count = row.key._replace(model=name), 1
        while key in rows or owners.get(key.model, model) != model:
            count += 1
            key = row.key._replace(model=f"{name} ({count})")
        owners[key.model] = model
        rows[key] = replace(row, key=key)
    return [row for row in rows.values() if not options.only or row.key in options.only]


def _path_without_precision(model: str) -> Path:
    """Return the path of a model without `.PRECISION.onnx`, which identifies its files."""
    shipped = SHIPPED_MODELS.get(model)
    path = strip_precision(Path(model)) if shipped is None else MODEL_FOLDER / shipped
    return path.parent.resolve() / path.name


def split_file_name(model: str) -> tuple[str, Precision | None]:
    """Split `folder/x.int8.onnx` into `x` and `int8`; None if the name contains no precision."""
    name = Path(model).name.removesuffix(".onnx")
    for precision in get_args(Precision):
        if name.endswith(f".{precision}"):
            return name.removesuffix(f".{precision}"), precision
    return name, None


def _list_rows(options: BenchOptions) -> Iterator[RowSpec]:
    models = dict.fromkeys((*options.models, *(SHIPPED_MODELS if options.every else ())))
    for model in models:
        selection = None
        if not model.endswith(".onnx"):  # `auto` does not apply to a given file
            with suppress(EdgesegError):
                selection = select_model(model)
        for row in _list_files(model, options):
            for runtime in options.runtimes or installed_bench_runtimes():
                if runtime == NCNN and row.key.precision != "fp32":
                    continue
                for threads in options.threads or (cpu.usable_cores(),):
                    key = row.key._replace(runtime=runtime, threads=threads)
                    is_selected = _is_selected(row, key, selection)
                    yield replace(row, key=key, taken_by_auto=is_selected, model=model)


def _is_selected(row: RowSpec, key: RowKey, selection: ModelSelection | None) -> bool:
    """Return whether `auto` selects a row. The threads must match only if the setup was tuned."""
    if selection is None or (row.file, key.runtime) != (selection.file.path, selection.runtime):
        return False
    return not selection.tuned or key.threads == selection.threads


def _list_files(model: str, options: BenchOptions) -> Iterator[RowSpec]:
    """Yield a row for each precision of a model. The caller sets runtime and threads.

    The precision of a given file comes first. `--all` adds all other precisions. Otherwise, FP32 is
    added to a given file. If the file of an added precision is missing, it has no row. If this
    file is damaged, the row contains the error.
    """
    name, named = split_file_name(model)
    default = _resolve(model, "auto")
    if isinstance(default, ModelFile):
        name, named = default.name, default.card.precision
    requested = get_args(Precision) if options.every else options.precisions
    if not model.endswith(".onnx"):
        named = None
    precisions = requested if named is None else (named, *requested)
    files = {}
    for precision in dict.fromkeys(precisions):
        files[precision] = _resolve(model, "auto" if precision == named else precision)
    halves = {
        precision: file.card
        for precision, file in files.items()
        if precision in ("fp16", "fp16w") and isinstance(file, ModelFile)
    }
    best = None
    if halves and "fp16" in requested:
        best = choose_precision(halves, cpu.cpu_features())[0]
    for precision, file in files.items():
        key = RowKey(name, precision, DEFAULT_RUNTIME, 0)
        if isinstance(file, ModelFile):
            remarks = (HALF_PRECISION_REMARK,) if precision == best else ()
            yield RowSpec(key._replace(model=file.name), file.path, remarks=remarks)
            continue
        implied = options.every and isinstance(default, ModelFile)
        implied = implied or (precision == "fp32" and named not in (None, "fp32"))
        if not implied or Path(model).with_name(f"{name}.{precision}.onnx").is_file():
            yield RowSpec(key, None, escape_text(str(file)))


def _resolve(model: str, precision: str) -> ModelFile | ModelError:
    try:
        return resolve_model(model, precision, cpu.cpu_features())  # type: ignore[arg-type]
    except ModelError as error:
        return error
