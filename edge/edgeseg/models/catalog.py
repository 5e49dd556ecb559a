"""Which model file serves a request: a shipped name or a path, and a precision.

`auto` is a pure rule over the CPU's features and the files that lie side by side: no clock, so that equal devices
give equal masks.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

from edgeseg.errors import ModelError
from edgeseg.models import MODEL_FOLDER, SHIPPED_MODELS
from edgeseg.models.card import ModelCard, Precision, read_card

PrecisionChoice: TypeAlias = Literal["auto", "fp32", "fp16", "fp16w", "int8"]

MAX_DICE_DROP = 0.005
"""That `edgeseg convert` allows INT8, and that `auto` accepts."""

MAX_MASK_CHANGE: Mapping[Precision, float] = {
    "fp32": 1e-3,
    "fp16": 1e-3,
    "fp16w": 1e-3,
    "int8": 1e-2,
}
"""Share of pixels whose mask may differ from FP32's in ONNX Runtime: FP32's too, which OpenVINO computes in BF16."""

INT8_FEATURES = {
    "avx512_vnni": "VNNI",
    "avx_vnni": "VNNI",
    "amx_int8": "AMX",
    "asimddp": "dot products",
    "avx2": "AVX2",
}
"""Features with which a CPU multiplies 8-bit numbers faster than FP32, as Linux names them, and as people do.

AVX2 alone takes 0.63 to 0.75 of FP32's time, and gives what VNNI gives: weights of 7 bits do not saturate it.
"""


class ModelFile(NamedTuple):
    """A model file, its card, and why it was chosen."""

    path: Path
    card: ModelCard
    reason: str

    @property
    def name(self) -> str:
        """As reports call it: the shipped name (`default`), else the file's name without `.PRECISION.onnx`."""
        stem = _base(self.path).name.removesuffix(".onnx")
        shipped = (
            {file: name for name, file in SHIPPED_MODELS.items()}
            if self.path.parent == MODEL_FOLDER
            else {}
        )
        return shipped.get(stem, stem)


def resolve_model(
    model: str | os.PathLike[str], precision: PrecisionChoice, features: Collection[str]
) -> ModelFile:
    """The file to load.

    Args:
        model: a shipped name, a model file, or a file without its `.PRECISION.onnx`.
        precision: a precision names its file literally; `auto` takes a named file as it is, else it chooses.
        features: the CPU's, as Linux names them.

    Raises:
        ModelError: there is no such model or precision; the message says what there is.
    """
    with _refusing(model):
        given = Path(model)
        if given.suffix == ".onnx" and (
            precision == "auto" or (given.is_file() and given == _base(given))
        ):
            return _literally(given, precision)
        files = _files(model)
        if precision == "auto":
            cards = _of_one_checkpoint({p: read_card(file) for p, file in files.items()})
            chosen, reason = choose_precision(cards, features)
            return ModelFile(files[chosen], cards[chosen], reason)
        if precision not in files:
            base = next(iter(files.values()))
            raise ModelError(
                f"{_base(base).name}: there is no {precision} file in {base.parent}; there is {', '.join(files)}"
            )
        return ModelFile(
            files[precision], read_card(files[precision]), f"{precision} was asked for"
        )


def available_precisions(model: str | os.PathLike[str]) -> dict[Precision, ModelFile]:
    """What `auto` chooses from: a file that is named is alone, else those of one checkpoint that lie side by side.

    Raises:
        ModelError: there is no such model.
    """
    with _refusing(model):
        if Path(model).suffix == ".onnx":
            alone = _literally(Path(model), "auto")
            return {alone.card.precision: alone}
        files = _files(model)
        cards = _of_one_checkpoint({p: read_card(file) for p, file in files.items()})
        return {p: ModelFile(files[p], card, "") for p, card in cards.items()}


@contextmanager
def _refusing(model: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except (
        OSError,
        ValueError,
    ) as error:  # a folder that may not be entered; "", ".", a name that is too long
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(
            f"{model}: no name of a model ({reason}); give a model file or a shipped name"
        ) from error


def _files(model: str | os.PathLike[str]) -> dict[Precision, Path]:
    """Those of a name, by precision."""
    base = (
        MODEL_FOLDER / SHIPPED_MODELS[str(model)]
        if str(model) in SHIPPED_MODELS
        else _base(Path(model))
    )
    files = {
        p: file
        for p in get_args(Precision)
        if (file := base.with_name(f"{base.name}.{p}.onnx")).is_file()
    }
    if not files and Path(model).is_file():
        raise ModelError(f"{model}: is no .onnx file; `edgeseg convert` makes one of a checkpoint")
    if not files:
        raise ModelError(
            f"{model}: there is no such model; give a model file or a shipped name ({', '.join(SHIPPED_MODELS)})"
        )
    return files


def _literally(file: Path, precision: PrecisionChoice) -> ModelFile:
    """This very file; one whose name tells no precision must be of the one asked for."""
    card = read_card(file)
    if precision not in ("auto", card.precision):
        raise ModelError(
            f"{file}: is {card.precision}, not {precision}; leave --precision out, or give another file"
        )
    return ModelFile(file, card, "this file was asked for")


def choose_precision(
    cards: Mapping[Precision, ModelCard], features: Collection[str]
) -> tuple[Precision, str]:
    """The rule of `auto`, and the reason in words."""
    able = next((INT8_FEATURES[feature] for feature in INT8_FEATURES if feature in features), None)
    if able and int8_is_validated(cards):
        return "int8", f"the CPU has {able}, and INT8's Dice is proven on real photographs"
    if "fp16" in cards and {"fphp", "asimdhp"} <= set(features):
        return "fp16", "the CPU computes in half precision"
    if "fp32" in cards:
        return (
            "fp32",
            "the CPU has no half precision" if "fp16" in cards else "the model's fp32 file",
        )
    if "fp16w" in cards:
        return "fp16w", "half-precision weights, computed in FP32; there is no fp32 file"
    first = next(iter(cards))
    return first, f"{first} is the first of what is there; there is no fp32 file"


def int8_is_validated(cards: Mapping[Precision, ModelCard]) -> bool:
    """INT8's card holds the Dice of real test photographs, nowhere more than the bound below its float sibling's.

    Without a float file beside it there is nothing to compare with.
    """
    floats = [cards[p].evidence for p in ("fp32", "fp16w", "fp16") if p in cards]
    if "int8" not in cards or not floats:
        return False
    own = {
        key: dice
        for key, dice in cards["int8"].evidence.items()
        if _is_real(key) and key in floats[0]
    }
    # Half a digit more than the bound: both figures are rounded in the cards.
    return bool(own) and all(
        floats[0][key] - dice <= MAX_DICE_DROP + 1e-6 for key, dice in own.items()
    )


def _is_real(key: str) -> bool:
    """`drive/test/native`, not drawn photographs."""
    data_set, _, rest = key.partition("/")
    return data_set != "synthetic" and rest.endswith("/native")


def _base(given: Path) -> Path:
    """`x/NAME.fp32.onnx` -> `x/NAME`."""
    for precision in get_args(Precision):
        if given.name.endswith(f".{precision}.onnx") and given.name != f".{precision}.onnx":
            return given.with_name(given.name.removesuffix(f".{precision}.onnx"))
    return given


def _of_one_checkpoint(cards: dict[Precision, ModelCard]) -> dict[Precision, ModelCard]:
    """Files of another checkpoint are strangers: keep those that agree with FP32, else with the first."""
    first = cards.get("fp32") or next(iter(cards.values()))
    return {
        p: card for p, card in cards.items() if card.checkpoint_sha256 == first.checkpoint_sha256
    }
