"""The record of a bench: one device, and what each row of model x precision x runtime x threads cost on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edgeseg.device import DeviceInfo
from edgeseg.errors import IncomparableError, SystemSetupError, one_line
from edgeseg.fields import Fields
from edgeseg_benchmarks.record.bound import Bound
from edgeseg_benchmarks.record.row import BenchRow

LARGEST_FILE = 64 << 20
"""Bytes of a bench's JSON file; no bench comes near."""


@dataclass(frozen=True)
class BenchRecord:
    """One run of `edgeseg bench`.

    Attributes:
        device: that it ran on.
        versions: of the packages that matter, by name.
        rows: in the order of the table; ratios are against the first that was measured.
        photographs: what was timed, in words.
        rounds: that each row was timed for.
        peaks: thousand million FP32 operations a second of a large matrix product, by threads.
        warnings: what makes the figures doubtful (governor, temperature, something else that runs).
        bounds: of the first model, what it costs against yardsticks; empty where they were not measured.
    """

    device: DeviceInfo
    versions: Mapping[str, str]
    rows: tuple[BenchRow, ...]
    photographs: str = ""
    rounds: int = 0
    peaks: Mapping[int, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    bounds: tuple[Bound, ...] = ()

    def dice_drops(self, row: BenchRow) -> dict[str, float]:
        """How far each data set's mean Dice lies below the same model's FP32 row; nothing for that row itself.

        The FP32 row is ONNX Runtime's where there is one; data sets are known by `NAME SPLIT`.
        """
        floats = [
            r
            for r in self.rows
            if (r.key.model, r.key.precision) == (row.key.model, "fp32") and r.data_sets
        ]
        first = next(
            (r for r in floats if r.key.runtime == "onnxruntime"), floats[0] if floats else None
        )
        if first is None or first.key == row.key:
            return {}
        before = _dice(first)
        return {name: before[name] - dice for name, dice in _dice(row).items() if name in before}

    def to_dict(self) -> dict[str, object]:
        """The contract of `edgeseg bench --json`; full precision, since the gate compares it bit by bit."""
        return {
            "device": self.device.to_dict(),
            "versions": dict(self.versions),
            "rows": [
                row.to_dict() | {"dice_drop": self.dice_drops(row) or None} for row in self.rows
            ],
            "photographs": self.photographs,
            "rounds": self.rounds,
            "peak_gflops": {str(threads): peak for threads, peak in self.peaks.items()},
            "warnings": list(self.warnings),
            "bounds": [bound.to_dict() for bound in self.bounds],
        }

    @classmethod
    def from_dict(cls, values: object) -> BenchRecord:
        """From untrusted plain values, as `to_dict` gives them; `device` and what follows `rows` may be left out.

        Raises:
            ValueError: a key is missing, or a value makes no sense; the message names the place.
        """
        fields = Fields(values)
        rows = tuple(BenchRow.from_fields(each) for each in fields.each("rows"))
        if not rows:
            raise ValueError("rows: there is none")
        twice = next(
            (row.key for k, row in enumerate(rows) if row.key in {r.key for r in rows[:k]}), None
        )
        if twice is not None:
            raise ValueError(f"rows: {twice} comes twice")
        versions, peaks = fields.inner("versions"), fields.optional_inner("peak_gflops")
        return cls(
            device=msgspec.convert(fields.value("device"), DeviceInfo),
            versions={name: versions.text(name) for name in versions.names()},
            rows=rows,
            photographs=fields.text("photographs", ""),
            rounds=fields.optional_whole("rounds") or 0,
            peaks={} if peaks is None else _peaks(peaks),
            warnings=fields.texts("warnings"),
            bounds=tuple(map(Bound.from_fields, fields.each("bounds")))
            if fields.has("bounds")
            else (),
        )


def read_bench(file: Path) -> BenchRecord:
    """The JSON file of a bench, whoever wrote it.

    Raises:
        SurroundingsError: the file cannot be read.
        IncomparableError: it is no bench; the message names the file and the place in it.
    """
    try:
        with file.open(
            "rb"
        ) as stream:  # its size is not asked: that of a pipe or a device says nothing
            data = stream.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise IncomparableError(f"{file}: over {LARGEST_FILE >> 20} MiB, too large for a bench")
        return BenchRecord.from_dict(json.loads(data.decode()))
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise SystemSetupError(
            f"{file}: cannot be read ({reason}); make it with `edgeseg bench --json`"
        ) from error
    except (ValueError, RecursionError) as error:
        reason = one_line(error)
        raise IncomparableError(
            f"{file}: is no bench ({reason}); make it with `edgeseg bench --json`"
        ) from error


def _dice(row: BenchRow) -> dict[str, float]:
    return {f"{d.name} {d.split}": d.mean.dice for d in row.data_sets if d.mean is not None}


def _peaks(fields: Fields) -> dict[int, float]:
    for key in fields.names():
        if not key.isdecimal() or len(key) > 6:
            raise ValueError(f"{fields.place(key)}: is no number of threads")
    return {int(key): fields.number(key) for key in fields.names()}
