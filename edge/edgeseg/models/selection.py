"""What a request comes to: the model's file, what computes it, and with how many threads."""

from __future__ import annotations

import os
from typing import NamedTuple

from edgeseg.device import cpu
from edgeseg.models import tuning_cache_file
from edgeseg.models.catalog import ModelFile, PrecisionChoice, available_precisions, resolve_model
from edgeseg.runtimes.base import ProviderChoice, RuntimeChoice, RuntimeName, resolve_runtime


class ModelSelection(NamedTuple):
    """A file, a runtime, and a number of threads.

    Attributes:
        file: with the reason why it was chosen.
        runtime: that computes it.
        threads: to compute with.
        tuned: `edgeseg doctor --tune` measured it, else the pure rule chose.
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
    """What `Segmenter` loads; its arguments. A tuned choice is taken whole, so only where none of the rest is named.

    Raises:
        ModelError: there is no such model or precision.
        SurroundingsError: the runtime is not installed.
    """
    if (precision, runtime, threads, provider) == ("auto", "auto", None, None):
        tuned = _tuned(model)
        if tuned is not None:
            return tuned
    file = resolve_model(model, precision, cpu.cpu_features())
    return ModelSelection(file, resolve_runtime(runtime, provider), threads or cpu.usable_cores())


def _tuned(model: str | os.PathLike[str]) -> ModelSelection | None:
    place = tuning_cache_file.cache_path()
    if place is None or not tuning_cache_file.cache_exists(place):
        return None
    from edgeseg.models import tuning_cache  # noqa: PLC0415

    offered = available_precisions(model)
    choice = tuning_cache.find_tuned_setup(place, {p: file.card for p, file in offered.items()})
    if choice is None:
        return None
    reason = f"measured here by `edgeseg doctor --tune` ({place})"
    return ModelSelection(
        offered[choice.precision]._replace(reason=reason),
        choice.runtime,
        choice.threads,
        tuned=True,
    )
