"""Selection of the model file, the runtime and the number of threads for a request.

The rule of `auto` depends only on the CPU's features and the files in one folder. The rule does not
depend on measured times, so that identical devices compute identical masks. Only `edgeseg doctor
--tune` measures times.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from edgeseg.device import cpu
from edgeseg.errors import ModelError
from edgeseg.models import tuning_cache
from edgeseg.models.card import ModelCard, Precision, read_card
from edgeseg.models.catalog import (
    ModelFile,
    PrecisionChoice,
    available_precisions,
    list_model_files,
    strip_precision,
)
from edgeseg.runtimes.base import ProviderChoice, RuntimeChoice, RuntimeName, resolve_runtime

MAX_DICE_DROP = 0.005
"""Maximum decrease of the Dice due to INT8 that `edgeseg convert` and `auto` accept."""

MAX_MASK_CHANGE: Mapping[Precision, float] = {
    "fp32": 1e-3,
    "fp16": 1e-3,
    "fp16w": 1e-3,
    "int8": 1e-2,
}
"""Maximum share of mask pixels that may differ from the mask that the FP32 file produces in ONNX
Runtime. This limit also applies to FP32 files, because OpenVINO computes them in BF16 on some CPUs.
"""

INT8_FEATURES = {
    "avx512_vnni": "VNNI",
    "avx_vnni": "VNNI",
    "amx_int8": "AMX",
    "asimddp": "dot-product instructions",
    "avx2": "AVX2",
}
"""CPU features with which INT8 is faster than FP32. The key is the name in Linux, and the value is
the common name.

With AVX2 but without VNNI, the latency of INT8 is about 0.50 times the latency of FP32. The masks
are the same as with VNNI, because 7-bit weights do not saturate.
"""

FP16_FEATURES = frozenset({"fphp", "asimdhp"})
"""CPU features with which ONNX Runtime computes FP16 files in half precision."""


class ModelSelection(NamedTuple):
    """Selected model file, runtime and number of threads.

    Attributes:
        file: model file, with the reason for its selection.
        runtime: name of the runtime.
        threads: number of CPU threads.
        tuned: whether `edgeseg doctor --tune` measured this setup; False if the rule selected it.
    """

    file: ModelFile
    runtime: RuntimeName
    threads: int
    tuned: bool = False


def select_model(
    model: str | os.PathLike[str],
    precision: PrecisionChoice = "auto",
    runtime: RuntimeChoice = "auto",
    threads: int | None = None,
    provider: ProviderChoice | None = None,
) -> ModelSelection:
    """Select the model file, runtime and threads for `Segmenter`.

    Args:
        model: name of a shipped model, or path of a model file.
        precision: a precision, or `auto`.
        runtime: a runtime, or `auto`.
        threads: number of CPU threads; None means all usable cores.
        provider: execution provider of ONNX Runtime; None means the CPU.

    A tuned setup is used only if all arguments except `model` have the default values.

    Raises:
        ModelError: The model or the precision does not exist.
        SystemSetupError: The runtime is not installed.
    """
    if (precision, runtime, threads, provider) == ("auto", "auto", None, None):
        tuned = _select_tuned(model)
        if tuned is not None:
            return tuned
    return ModelSelection(
        resolve_model(model, precision, cpu.cpu_features()),
        resolve_runtime(runtime, provider),
        threads or cpu.usable_cores(),
    )


def select_file(model: str | os.PathLike[str]) -> ModelFile:
    """Return the model file that `select_model` selects by default. No runtime is required.

    Raises:
        ModelError: The model does not exist.
    """
    tuned = _select_tuned(model)
    return resolve_model(model, "auto", cpu.cpu_features()) if tuned is None else tuned.file


def _select_tuned(model: str | os.PathLike[str]) -> ModelSelection | None:
    cache_file = tuning_cache.cache_path()
    if cache_file is None or not os.path.exists(cache_file):  # noqa: PTH110 - False without access
        return None
    files = available_precisions(model)
    setup = tuning_cache.find_tuned_setup(cache_file, {p: f.card for p, f in files.items()})
    if setup is None:
        return None
    file = files[setup.precision]._replace(
        reason=f"measured by `edgeseg doctor --tune` ({cache_file})"
    )
    return ModelSelection(file, setup.runtime, setup.threads, tuned=True)


def resolve_model(
    model: str | os.PathLike[str], precision: PrecisionChoice, features: Collection[str]
) -> ModelFile:
    """Return the model file for a name and a precision.

    Args:
        model: name of a shipped model, a model file, or a path without `.PRECISION.onnx`.
        precision: a precision, or `auto` for the given file. If no file is given, `auto` applies
            the rule.
        features: names of CPU features in Linux.

    Raises:
        ModelError: The model or the precision does not exist (the message lists the available
            precisions), or the files belong to different models.
    """
    path = Path(model)
    if path.suffix == ".onnx" and (precision == "auto" or strip_precision(path) == path):
        card = read_card(path)
        if precision not in ("auto", card.precision):
            raise ModelError(
                f"{path}: the precision of this file is {card.precision}, not {precision}. Omit "
                "--precision or give another file."
            )
        return ModelFile(path, card, "the given file")
    if precision == "auto":
        files = available_precisions(model)
        chosen, reason = choose_precision({p: file.card for p, file in files.items()}, features)
        return files[chosen]._replace(reason=reason)
    paths = list_model_files(model)
    if precision not in paths:
        raise ModelError(
            f"{model}: no {precision} file found (available: {', '.join(paths)}). "
            "Choose another --precision."
        )
    file = ModelFile(paths[precision], read_card(paths[precision]), f"{precision} was requested")
    is_file = path.suffix == ".onnx" and path.is_file()
    first = path if is_file else paths.get("fp32", next(iter(paths.values())))
    if file.path != first and not file.card.is_same_model(read_card(first)):
        raise ModelError(
            f"{file.path}: not the same model as {first} (converted from another checkpoint or "
            f"with other settings). Convert the checkpoint again, or give --model {file.path}."
        )
    return file


def choose_precision(
    cards: Mapping[Precision, ModelCard], features: Collection[str]
) -> tuple[Precision, str]:
    """Select a precision with the rule of `auto`.

    Args:
        cards: cards of the available files (at least one). The key is the precision.
        features: names of CPU features in Linux.

    Returns:
        The precision, and the reason as text.
    """
    int8_support = [name for feature, name in INT8_FEATURES.items() if feature in features]
    int8_is_slower = "int8" in cards and cards["int8"].int8_slower
    if int8_support and int8_is_validated(cards) and not int8_is_slower:
        return "int8", f"the CPU has {int8_support[0]}, and INT8 is validated on real photographs"
    if "fp16" in cards and set(features) >= FP16_FEATURES:
        return "fp16", "the CPU computes in half precision"
    if "fp32" in cards:
        if int8_support and int8_is_slower:
            return "fp32", "INT8 is slower than FP32 according to its metadata"
        reason = "the CPU has no half precision" if "fp16" in cards else "FP32 file of the model"
        return "fp32", reason
    if "fp16w" in cards:
        return "fp16w", "half-precision weights, FP32 compute; no FP32 file found"
    first = next(iter(cards))
    return first, f"{first} is the first available precision; no FP32 file found"


def int8_is_validated(cards: Mapping[Precision, ModelCard]) -> bool:
    """Return whether the Dice of INT8 on real photographs is nearly that of the float file.

    The Dice may be lower by at most `MAX_DICE_DROP`, for every test data set that both files'
    metadata contain. A float file and at least one such data set are required.
    """
    float_card = cards.get("fp32") or cards.get("fp16w") or cards.get("fp16")
    if "int8" not in cards or float_card is None:
        return False
    int8, reference = cards["int8"].evidence, float_card.evidence
    drops = [
        reference[key] - int8[key]
        for key in int8.keys() & reference.keys()  # for example, drive/test/native
        if key.endswith("/native") and not key.startswith("synthetic/")
    ]
    return bool(drops) and max(drops) <= MAX_DICE_DROP + 1e-6  # the cards contain rounded values
