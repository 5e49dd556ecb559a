"""List of model files: the shipped models, and the precisions of a model."""

import os
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

from edgeseg.errors import ModelError, escape_text, one_line
from edgeseg.models.card import ModelCard, Precision, read_card

PrecisionChoice: TypeAlias = Literal["auto", "fp32", "fp16", "fp16w", "int8"]

MODEL_FOLDER = Path(__file__).parent

SHIPPED_MODELS = {"default": "lean", "detail": "lean-detail"}
"""Shipped models. The key is the name; the value is the file name without `.PRECISION.onnx`."""


class ModelFile(NamedTuple):
    """A model file.

    Attributes:
        path: path of the file.
        card: metadata of the file.
        reason: reason for the selection as text; "" if the file was only listed.
    """

    path: Path
    card: ModelCard
    reason: str

    @property
    def name(self) -> str:
        """Name in reports: a shipped model's name, or the file name without `.PRECISION.onnx`.

        A file name is escaped, because JSON cannot contain names that are not valid UTF-8.
        """
        stem = escape_text(strip_precision(self.path).name.removesuffix(".onnx"))
        if self.path.parent != MODEL_FOLDER:
            return stem
        shipped_names = {files: name for name, files in SHIPPED_MODELS.items()}
        return shipped_names.get(stem, stem)


def strip_precision(path: Path) -> Path:
    """Return `x/NAME` for `x/NAME.fp32.onnx`. A path without a precision is returned unchanged."""
    for precision in get_args(Precision):
        suffix = f".{precision}.onnx"
        if path.name.endswith(suffix) and path.name != suffix:
            return path.with_name(path.name.removesuffix(suffix))
    return path


def list_model_files(model: str | os.PathLike[str]) -> dict[Precision, Path]:
    """Return the paths of a model's files. The key is the precision.

    Args:
        model: name of a shipped model, or a path with or without `.PRECISION.onnx`.

    Raises:
        ModelError: The model does not exist.
    """
    shipped = SHIPPED_MODELS.get(str(model))
    base = strip_precision(Path(model)) if shipped is None else MODEL_FOLDER / shipped
    try:
        paths = {p: base.with_name(f"{base.name}.{p}.onnx") for p in get_args(Precision)}
        files = {p: path for p, path in paths.items() if path.is_file()}
    except (OSError, ValueError) as error:  # no access, or an invalid name
        raise ModelError(
            f"{model}: invalid model name ({one_line(error, 80)}). "
            "Give a model file or the name of a shipped model."
        ) from error
    if not files:
        raise ModelError(
            f"{model}: no such model. Give an .onnx file (`edgeseg convert` creates it from a "
            f"checkpoint) or the name of a shipped model ({', '.join(SHIPPED_MODELS)})."
        )
    return files


def available_precisions(model: str | os.PathLike[str]) -> dict[Precision, ModelFile]:
    """Return the files from which `auto` selects. The key is the precision.

    If `model` is the path of a file, this file is the only candidate. Files that do not belong to
    the same model as the FP32 file (such as those of another checkpoint) are ignored. If there is
    no FP32 file, the first file is used for this comparison.

    Raises:
        ModelError: The model does not exist or one of its files is invalid.
    """
    path = Path(model)
    if path.suffix == ".onnx":
        card = read_card(path)
        return {card.precision: ModelFile(path, card, "")}
    paths = list_model_files(model)
    files = {precision: ModelFile(file, read_card(file), "") for precision, file in paths.items()}
    card = (files.get("fp32") or next(iter(files.values()))).card
    return {p: file for p, file in files.items() if file.card.is_same_model(card)}
