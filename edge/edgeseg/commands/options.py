"""Options that several verbs share: the same words everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ParamSpec

import click

P = ParamSpec("P")

# Written out, as the vocabularies' own modules load OpenCV; a test holds them equal.
PRECISIONS = ("auto", "fp32", "fp16", "fp16w", "int8")
RUNTIMES = ("auto", "onnxruntime", "openvino")
PROVIDERS = ("cpu", "cuda", "tensorrt")
SPLITS = ("train", "validation", "test", "all")


def reject_nan(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Refuses NaN, which lies in every range of click's."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("'nan' is no number", ctx, param)
    return value


def model_options(command: Callable[P, None]) -> Callable[P, None]:
    """`--model`, `--precision`, `--runtime`, `--provider` and `--threads`, as `Segmenter` takes them."""
    for option in (
        click.option("--threads", type=click.IntRange(1), metavar="N",
                     help="To compute with.  [default: every core this process may use]"),
        click.option("--provider", type=click.Choice(PROVIDERS),
                     help="ONNX Runtime's execution provider; tensorrt computes in FP16.  [default: cpu]"),
        click.option("--runtime", type=click.Choice(RUNTIMES), default="auto", show_default=True,
                     help="What computes the network."),
        click.option("--precision", type=click.Choice(PRECISIONS), default="auto", show_default=True,
                     help="Which of the model's files to load."),
        click.option("--model", default="default", show_default=True, metavar="NAME|FILE",
                     help="Shipped model, or a model file."),
    ):  # fmt: skip
        command = option(command)
    return command


def data_options(command: Callable[P, None]) -> Callable[P, None]:
    """`--data` (repeatable) and `--split`."""
    for option in (
        click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True,
                     help="Which part of the data sets."),
        click.option("--data", "specs", multiple=True, required=True, metavar="NAME:DIR",
                     help="Photographs with masks; NAME is drive, stare, chasedb1, hrf, fives, or pairs (a folder of "
                          "your own); or synthetic:N. Give it once for each data set."),
    ):  # fmt: skip
        command = option(command)
    return command
