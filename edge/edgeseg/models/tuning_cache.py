"""Tuning cache: setups that `edgeseg doctor --tune` measured. `auto` uses these setups.

Reading the cache never starts a measurement. A setup applies only to the same model, CPU and
package versions.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
from msgspec.structs import replace

from edgeseg.device import cpu
from edgeseg.errors import SystemSetupError, one_line
from edgeseg.models.card import ModelCard, Precision
from edgeseg.runtimes.base import RuntimeName, installed_runtimes
from edgeseg.system.decoding import prepare_decoding
from edgeseg.system.files import write_atomically
from edgeseg.system.regular_files import read_regular_file

VARIABLE = "EDGESEG_CHOICES"
"""Environment variable with the path of the cache file; empty to disable the cache."""

VERSIONED_PACKAGES = ("edgeseg", "onnxruntime", "onnxruntime-gpu", "openvino")
"""Packages whose version affects which setup is fastest."""

PositiveInt: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]


class TuningKey(msgspec.Struct, frozen=True):
    """Conditions under which a setup applies.

    Attributes:
        model_sha256: `ModelCard.model_sha256`.
        precisions: available precisions.
        cpu: name of the CPU.
        features: performance-relevant features of the CPU.
        cores: number of cores that the process may use.
        versions: versions of `VERSIONED_PACKAGES`.
    """

    model_sha256: str
    precisions: tuple[Precision, ...]
    cpu: str
    features: tuple[str, ...]
    cores: PositiveInt
    versions: Mapping[str, str]

    @classmethod
    def for_this_device(cls, cards: Mapping[Precision, ModelCard]) -> TuningKey:
        """Return the key of a model on this device.

        Args:
            cards: cards of the model's files. The key is the precision.
        """
        # The import takes 20 ms, and most devices have no tuning cache. Therefore the import is not
        # at the top.
        from edgeseg.device.versions import installed_versions  # noqa: PLC0415

        card = next(iter(cards.values()))
        installed = installed_versions()
        return cls(
            model_sha256=card.model_sha256(),
            precisions=tuple(sorted(cards, key=get_args(Precision).index)),
            cpu=cpu.cpu_model(),
            features=cpu.performance_features(),
            cores=cpu.usable_cores(),
            versions={name: installed[name] for name in VERSIONED_PACKAGES if name in installed},
        )


class CandidateTiming(msgspec.Struct, frozen=True):
    """Measured latency and accuracy of one candidate setup.

    Attributes:
        runtime: name of the runtime.
        precision: precision of the file.
        threads: number of CPU threads.
        compute: provider or data type that the runtime reports, such as `bfloat16`.
        network_ms: median latency of the network in ms; None if it failed.
        ratio: latency divided by the latency of FP32 in ONNX Runtime with all cores (median over
            rounds). A ratio below 1 means that the candidate is faster.
        flipped: share of mask pixels in the field of view that differ from the mask of FP32 in ONNX
            Runtime.
        failure: reason why the candidate was rejected, or "".
    """

    runtime: RuntimeName
    precision: Precision
    threads: PositiveInt
    compute: str = ""
    network_ms: float | None = None
    ratio: float | None = None
    flipped: float | None = None
    failure: str = ""


class TunedSetup(msgspec.Struct, frozen=True):
    """Fastest setup for a key, with all measurements.

    Attributes:
        key: conditions under which the setup applies.
        runtime: name of the runtime.
        precision: precision of the file.
        threads: number of CPU threads.
        measured: all measurements, including rejected candidates.
    """

    key: TuningKey
    runtime: RuntimeName
    precision: Precision
    threads: PositiveInt
    measured: tuple[CandidateTiming, ...] = ()


class _CacheFile(msgspec.Struct):
    """Content of the cache file."""

    schema: Literal["edgeseg/choices/2"]
    choices: tuple[TunedSetup, ...]


def cache_path() -> Path | None:
    """Return the path of the cache file; None if caching is disabled or no home folder exists.

    The variable `EDGESEG_CHOICES` sets the path. The default path is in the user's configuration
    folder.
    """
    path = os.environ.get(VARIABLE)
    if path is not None:
        return Path(path) if path else None
    folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not folder.is_absolute():  # the XDG standard ignores relative paths
        # Unlike Path.expanduser, this function does not raise if there is no home folder.
        folder = Path(os.path.expanduser("~"), ".config")  # noqa: PTH111
    return folder / "edgeseg" / "choices.json" if folder.is_absolute() else None


def find_tuned_setup(file: Path, cards: Mapping[Precision, ModelCard]) -> TunedSetup | None:
    """Return the setup for a model on this device, or None if no setup applies.

    A damaged file is reported and ignored.
    """
    try:
        setups = read_tuned_setups(file)
    except SystemSetupError as error:
        logging.getLogger("edgeseg").warning("edgeseg: %s The tuning cache is ignored.", error)
        return None
    key = TuningKey.for_this_device(cards)
    for setup in setups:
        if setup.key == key and setup.precision in cards and setup.runtime in installed_runtimes():
            return setup
    return None


def read_tuned_setups(file: Path) -> tuple[TunedSetup, ...]:
    """Read all setups in a cache file.

    Raises:
        SystemSetupError: The file cannot be read or is invalid.
    """
    try:
        return msgspec.json.decode(read_regular_file(file), type=_CacheFile).choices
    except (OSError, ValueError, RecursionError) as error:
        raise SystemSetupError(
            f"{file}: not a readable tuning cache of `edgeseg doctor --tune` ({one_line(error)}). "
            "Delete this file or specify another file."
        ) from error


def save_tuned_setup(file: Path, setup: TunedSetup) -> None:
    """Add a setup to a cache file, and replace the setup of the same model and device.

    Raises:
        SystemSetupError: The file is invalid or cannot be written.
    """
    stored = read_tuned_setups(file) if file.exists() else ()
    kept = [old for old in stored if old.key != replace(setup.key, versions=old.key.versions)]
    content = msgspec.json.encode(_CacheFile("edgeseg/choices/2", (*kept, setup)))
    write_atomically(file, msgspec.json.format(content, indent=2) + b"\n")


prepare_decoding(_CacheFile)
