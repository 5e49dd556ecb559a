"""What a request comes to: the model's file, what computes it, and with how many threads."""

from __future__ import annotations

import os
from typing import NamedTuple

from edgeseg.device import cpu
from edgeseg.models import tuning_cache_file
from edgeseg.models.catalog import ModelFile, PrecisionChoice, find_model, offers
from edgeseg.runtimes.base import ProviderChoice, RuntimeChoice, RuntimeName, resolve


class Plan(NamedTuple):
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


def make_plan(
    model: str | os.PathLike[str],
    precision: PrecisionChoice = "auto",
    runtime: RuntimeChoice = "auto",
    threads: int | None = None,
    provider: ProviderChoice | None = None,
) -> Plan:
    """What `Segmenter` loads; its arguments. A tuned choice is taken whole, so only where none of the rest is named.

    Raises:
        ModelError: there is no such model or precision.
        SurroundingsError: the runtime is not installed.
    """
    if (precision, runtime, threads, provider) == ("auto", "auto", None, None):
        tuned = _tuned(model)
        if tuned is not None:
            return tuned
    file = find_model(model, precision, cpu.features())
    return Plan(file, resolve(runtime, provider), threads or cpu.usable_cores())


def _tuned(model: str | os.PathLike[str]) -> Plan | None:
    place = tuning_cache_file.place()
    if place is None or not tuning_cache_file.is_there(place):
        return None
    from edgeseg.models import tuning_cache  # noqa: PLC0415

    offered = offers(model)
    choice = tuning_cache.find(place, {p: file.card for p, file in offered.items()})
    if choice is None:
        return None
    reason = f"measured here by `edgeseg doctor --tune` ({place})"
    return Plan(
        offered[choice.precision]._replace(reason=reason),
        choice.runtime,
        choice.threads,
        tuned=True,
    )
