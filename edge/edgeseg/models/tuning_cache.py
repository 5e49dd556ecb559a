"""The file of choices: what `edgeseg doctor --tune` measured, which `auto` honours where model, CPU and versions fit.

Reading is all that `auto` does: nothing is measured unless the user asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast, get_args

from edgeseg.device import cpu
from edgeseg.errors import SystemSetupError, one_line
from edgeseg.fields import Fields
from edgeseg.models.card import ModelCard, Precision
from edgeseg.runtimes.base import RuntimeName, installed_runtimes
from edgeseg.system.files import write_atomically

SCHEMA = "edgeseg/choices/1"
LARGEST_BYTES = 10_000_000
DECIDING = ("edgeseg", "onnxruntime", "onnxruntime-gpu", "openvino")
"""Packages of which another version may be fastest with something else."""


@dataclass(frozen=True)
class TuningKey:
    """What a choice holds for.

    Attributes:
        checkpoint_sha256: of the model.
        size: side of its input in pixels.
        precisions: that there was to choose from.
        cpu: its name.
        features: of the CPU.
        cores: that the process could use.
        versions: of what computes.
    """

    checkpoint_sha256: str
    size: int
    precisions: tuple[Precision, ...]
    cpu: str
    features: tuple[str, ...]
    cores: int
    versions: Mapping[str, str]

    @classmethod
    def here(cls, cards: Mapping[Precision, ModelCard]) -> TuningKey:
        """Of a model, by its files' cards, on this device."""
        from edgeseg.device.versions import installed_versions  # noqa: PLC0415 - only where there is a file of choices

        first, have = next(iter(cards.values())), installed_versions()
        return cls(
            first.checkpoint_sha256, first.preprocessing.size, tuple(p for p in get_args(Precision) if p in cards),
            cpu.cpu_model(), cpu.performance_features(), cpu.usable_cores(), {p: have[p] for p in DECIDING if p in have},
        )  # fmt: skip

    @classmethod
    def from_fields(cls, fields: Fields) -> TuningKey:
        """From JSON."""
        versions = fields.inner("versions")
        return cls(
            checkpoint_sha256=fields.text("checkpoint_sha256"),
            size=fields.whole("size", 1),
            precisions=tuple(
                _precision(name, fields.place("precisions")) for name in fields.texts("precisions")
            ),
            cpu=fields.text("cpu"),
            features=fields.texts("features"),
            cores=fields.whole("cores", 1),
            versions={name: versions.text(name) for name in versions.names()},
        )


@dataclass(frozen=True)
class CandidateTiming:
    """A candidate.

    Attributes:
        runtime: that computed it.
        precision: of the file.
        threads: that it computed with.
        compute: where and how, as the runtime tells (`bfloat16`).
        network_ms: median of the network alone; None where it failed.
        ratio: to FP32 in ONNX Runtime with every core, median of the rounds' ratios; below 1 is faster.
        flipped: share of the field of view's pixels whose mask differs from that one's.
        failure: why it is not to be taken, or "".
    """

    runtime: RuntimeName
    precision: Precision
    threads: int
    compute: str = ""
    network_ms: float | None = None
    ratio: float | None = None
    flipped: float | None = None
    failure: str = ""

    @classmethod
    def from_fields(cls, fields: Fields) -> CandidateTiming:
        """From JSON."""
        return cls(
            runtime=_runtime(fields.text("runtime"), fields.place("runtime")),
            precision=_precision(fields.text("precision"), fields.place("precision")),
            threads=fields.whole("threads", 1),
            compute=fields.text("compute", ""),
            network_ms=fields.optional_number("network_ms"),
            ratio=fields.optional_number("ratio"),
            flipped=fields.optional_number("flipped", 0, 1),
            failure=fields.text("failure", ""),
        )


@dataclass(frozen=True)
class TunedSetup:
    """What to take for a key, and all that was measured."""

    key: TuningKey
    runtime: RuntimeName
    precision: Precision
    threads: int
    measured: tuple[CandidateTiming, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As in JSON."""
        return asdict(self)

    @classmethod
    def from_fields(cls, fields: Fields) -> TunedSetup:
        """From JSON."""
        taken = CandidateTiming.from_fields(fields)
        measured = tuple(CandidateTiming.from_fields(each) for each in fields.each("measured"))
        return cls(
            TuningKey.from_fields(fields.inner("key")),
            taken.runtime,
            taken.precision,
            taken.threads,
            measured,
        )


def find_tuned_setup(file: Path, cards: Mapping[Precision, ModelCard]) -> TunedSetup | None:
    """The choice for a model on this device; None where none fits. A damaged file is told of, and holds none."""
    try:
        found = read_tuned_setups(file)
    except SystemSetupError as error:
        import logging  # noqa: PLC0415

        logging.getLogger("edgeseg").warning("edgeseg: %s; going on without it", error)
        return None
    key = TuningKey.here(cards) if found else None
    fits = (choice for choice in found if choice.key == key)
    return next(
        (c for c in fits if c.precision in cards and c.runtime in installed_runtimes()), None
    )


def read_tuned_setups(file: Path) -> tuple[TunedSetup, ...]:
    """All choices in a file.

    Raises:
        SurroundingsError: it cannot be read, or holds something else; the message names the remedy.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            raise ValueError(f"larger than {LARGEST_BYTES:,} bytes")
        told = Fields(json.loads(data))
        if told.text("schema") != SCHEMA:
            raise ValueError(f"schema: expected {SCHEMA}")
        return tuple(TunedSetup.from_fields(each) for each in told.each("choices"))
    except OSError as error:
        raise SystemSetupError(
            f"{file}: cannot be read ({error.strerror}); make it readable, or name another"
        ) from error
    except (ValueError, RecursionError) as error:
        raise SystemSetupError(
            f"{file}: holds no choices of `edgeseg doctor --tune` ({one_line(error)}); delete it, or name another file"
        ) from error


def save_tuned_setup(file: Path, choice: TunedSetup) -> None:
    """Put a choice into a file, in the place of an older one for the same model on the same device; others stay.

    Raises:
        SurroundingsError: it cannot be written, or holds something else.
    """
    kept = [
        old
        for old in (read_tuned_setups(file) if file.exists() else ())
        if not _same(old.key, choice.key)
    ]
    write_atomically(file, _to_json([*kept, choice]))


def _same(one: TuningKey, other: TuningKey) -> bool:
    """Up to the versions: what was measured with older ones is of no more use."""
    return replace(one, versions={}) == replace(other, versions={})


def _to_json(entries: Sequence[TunedSetup]) -> bytes:
    told = {"schema": SCHEMA, "choices": [choice.to_dict() for choice in entries]}
    return (json.dumps(told, indent=2, allow_nan=False) + "\n").encode()


def _precision(name: str, where: str) -> Precision:
    if name not in get_args(Precision):
        raise ValueError(f"{where}: {ascii(name)[:60]} is no precision")
    return cast("Precision", name)


def _runtime(name: str, where: str) -> RuntimeName:
    if name not in get_args(RuntimeName):
        raise ValueError(f"{where}: {ascii(name)[:60]} is no runtime")
    return cast("RuntimeName", name)
