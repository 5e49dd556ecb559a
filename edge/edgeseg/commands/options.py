"""Options shared by several commands."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from edgeseg.errors import UsageError

if TYPE_CHECKING:
    from edgeseg.measures import Eye

P = ParamSpec("P")
R = TypeVar("R")

# These lists are copies, because the modules that define the types load OpenCV. A test checks that
# the copies are equal to the definitions.
PRECISIONS = ("auto", "fp32", "fp16", "fp16w", "int8")
RUNTIMES = ("auto", "onnxruntime", "openvino")
PROVIDERS = ("cpu", "cuda", "tensorrt")
SPLITS = ("train", "validation", "test", "all")


def convert_eye(value: str) -> Eye:
    """Convert the value of `--eye`."""
    from edgeseg.measures.eye import parse_eye

    eye = parse_eye(value)
    if eye is None:
        raise click.BadParameter(f"{value!r} is not an eye. Use left, right, L, R, OS or OD.")
    return eye


def reject_not_finite(
    ctx: click.Context, param: click.Parameter, value: float | None
) -> float | None:
    """Reject NaN and infinity, which click's number ranges accept."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"'{value}' is not a finite number", ctx, param)
    return value


def reject_repeated_data(names: Sequence[str]) -> None:
    """Check that `--data` names each data set once.

    Raises:
        UsageError: A data set is given several times.
    """
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"--data {name}: given {names.count(name)} times. Give each data set once."
            )


def json_option(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--json`."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print the result as one JSON object.",
    )(command)


def model_options(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--model`, `--precision`, `--runtime`, `--provider` and `--threads`."""
    threads = click.option("--threads", type=click.IntRange(1), metavar="N",
                           help="Number of CPU threads per photograph.  [default: all usable "
                                "cores, which `run` divides among the photographs that it "
                                "processes at the same time]")  # fmt: skip
    return model_choice_options(threads(command))


def model_choice_options(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--model`, `--precision`, `--runtime` and `--provider`."""
    for option in (
        click.option("--provider", type=click.Choice(PROVIDERS),
                     help="Execution provider of ONNX Runtime.  [default: cpu]"),
        click.option("--runtime", type=click.Choice(RUNTIMES), default="auto", show_default=True,
                     help="Inference runtime."),
        click.option("--precision", type=click.Choice(PRECISIONS), default="auto",
                     show_default=True,
                     help="Precision of the model file (fp16w: FP16 weights, FP32 computation)."),
        click.option("--model", default="default", show_default=True, metavar="NAME|FILE",
                     help="Shipped model or model file."),
    ):  # fmt: skip
        command = option(command)
    return command


def threshold_option(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--threshold`."""
    return click.option(
        "--threshold",
        type=click.FloatRange(0, 1),
        callback=reject_not_finite,
        metavar="T",
        help="Vessel probability threshold.  [default: stored in the model file]",
    )(command)


def measure_options(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--um-per-px` and `--eye`."""
    for option in (
        click.option("--eye", type=convert_eye, metavar="left|right",
                     help="Eye of the photographs. Adds the anatomical names of the quadrants."),
        click.option("--um-per-px", callback=reject_not_finite, metavar="X",
                     type=click.FloatRange(0, min_open=True),
                     help="Micrometres per pixel. Adds measurements in micrometres."),
    ):  # fmt: skip
        command = option(command)
    return command


def data_options(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--data` (repeatable) and `--split`."""
    for option in (
        click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True,
                     help="Split of the data sets."),
        click.option("--data", "specs", multiple=True, required=True, metavar="NAME:DIR",
                     help="Data set and its folder. NAME is drive, stare, chasedb1, hrf, fives or "
                     "pairs (your own images/ and masks/). Use synthetic:N for N synthetic "
                     "photographs. Repeatable."),
    ):  # fmt: skip
        command = option(command)
    return command
