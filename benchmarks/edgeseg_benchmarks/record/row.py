"""A row of a bench: what one model x precision x runtime x threads cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import get_args

from edgeseg.evaluation.scores import OK, DataSetScores
from edgeseg.fields import Fields
from edgeseg.models.card import Precision

RUNTIMES = ("onnxruntime", "openvino", "ncnn")
"""That a row may name: what computed, never `auto`."""
MOST_THREADS = 1024


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one thing, over the rounds: median, 90th and 95th percentile, and the shortest."""

    p50: float
    p90: float
    p95: float
    min: float

    @classmethod
    def from_fields(cls, fields: Fields) -> Latency:
        """From what `asdict` gives.

        Raises:
            ValueError: a figure is missing or below 0; the message names it.
        """
        p50, p90, p95, least = (fields.number(name) for name in ("p50", "p90", "p95", "min"))
        return cls(p50, p90, p95, least)


@dataclass(frozen=True)
class RowKey:
    """What a row measures; no two rows of a bench share it.

    Attributes:
        model: shipped name or the file's stem; `resunet-deeper` for the reference.
        precision: of the file, never `auto`.
        runtime: `onnxruntime`, `openvino` or `ncnn`.
        threads: to compute with.
    """

    model: str
    precision: str
    runtime: str
    threads: int

    def __str__(self) -> str:
        plural = "" if self.threads == 1 else "s"
        return f"{self.model} {self.precision} {self.runtime} {self.threads} thread{plural}"


@dataclass(frozen=True)
class BenchRow:
    """What one row cost. A figure is None where it could not be measured, and all are where `status` is not `ok`.

    Attributes:
        key: what was measured.
        size_px: working size, a square's side.
        file_bytes: of the model file.
        network_ms: the network alone.
        end_to_end_ms: from a photograph file's bytes to the mask at its own size.
        stages_ms: median of each of its stages (`decode`, `field_of_view`, `preprocess`, `infer`, `postprocess`).
        cold_start_ms: from the start of a fresh process to its first mask.
        peak_rss_bytes: the most memory that the row's process held.
        gmac: multiply-accumulates a photograph, in thousand millions.
        ratio_to_first: network's time over the first row's, the median over rounds of the ratio in each round.
        data_sets: Dice of each photograph, by the native protocol.
        status: `ok`, or the reason why the row failed.
        end_to_end_ratio_to_first: as `ratio_to_first`, end to end.
        gflops: reached by the network, in thousand million operations a second; a multiply-accumulate is two.
        share_of_peak: that, over what a large FP32 matrix product reached on the same threads in the same run.
        kernels: convolutions by the data type that they computed in.
        taken_by_auto: `--precision auto` would take this file on this device.
        remarks: what the row must say of itself.
    """

    key: RowKey
    size_px: int | None = None
    file_bytes: int | None = None
    network_ms: Latency | None = None
    end_to_end_ms: Latency | None = None
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    cold_start_ms: float | None = None
    peak_rss_bytes: int | None = None
    gmac: float | None = None
    ratio_to_first: float | None = None
    data_sets: tuple[DataSetScores, ...] = ()
    status: str = OK
    end_to_end_ratio_to_first: float | None = None
    gflops: float | None = None
    share_of_peak: float | None = None
    kernels: Mapping[str, int] = field(default_factory=dict)
    taken_by_auto: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """It was measured."""
        return self.status == OK

    @property
    def frames_per_second(self) -> float | None:
        """End to end, one photograph after the other."""
        return (
            1e3 / self.end_to_end_ms.p50
            if self.end_to_end_ms and self.end_to_end_ms.p50 > 0
            else None
        )

    def to_dict(self) -> dict[str, object]:
        """As in JSON."""
        return {
            "model": self.key.model,
            "precision": self.key.precision,
            "runtime": self.key.runtime,
            "threads": self.key.threads,
            "size_px": self.size_px,
            "file_bytes": self.file_bytes,
            "network_ms": None if self.network_ms is None else asdict(self.network_ms),
            "end_to_end_ms": None if self.end_to_end_ms is None else asdict(self.end_to_end_ms),
            "stages_ms": dict(self.stages_ms) or None,
            "cold_start_ms": self.cold_start_ms,
            "peak_rss_bytes": self.peak_rss_bytes,
            "gmac": self.gmac,
            "ratio_to_first": self.ratio_to_first,
            "data_sets": [data_set.to_dict() for data_set in self.data_sets],
            "status": self.status,
            "end_to_end_ratio_to_first": self.end_to_end_ratio_to_first,
            "frames_per_second": self.frames_per_second,
            "gflops": self.gflops,
            "share_of_peak": self.share_of_peak,
            "kernels": dict(self.kernels) or None,
            "taken_by_auto": self.taken_by_auto,
            "remarks": list(self.remarks),
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> BenchRow:
        """From what `to_dict` gives; only the keys up to `status` are needed.

        Raises:
            ValueError: a figure is missing or makes no sense; the message names it.
        """
        row = cls(
            key=RowKey(
                fields.text("model"),
                fields.word("precision", get_args(Precision)),
                fields.word("runtime", RUNTIMES),
                fields.whole("threads", 1, MOST_THREADS),
            ),
            size_px=fields.optional_whole("size_px", 1),
            file_bytes=fields.optional_whole("file_bytes", 1),
            network_ms=_latency(fields, "network_ms"),
            end_to_end_ms=_latency(fields, "end_to_end_ms"),
            stages_ms=_stages(fields),
            cold_start_ms=fields.optional_number("cold_start_ms"),
            peak_rss_bytes=fields.optional_whole("peak_rss_bytes"),
            gmac=fields.optional_number("gmac"),
            ratio_to_first=fields.optional_number("ratio_to_first"),
            data_sets=_data_sets(fields),
            status=fields.text("status"),
            end_to_end_ratio_to_first=fields.optional_number("end_to_end_ratio_to_first"),
            gflops=fields.optional_number("gflops"),
            share_of_peak=fields.optional_number("share_of_peak"),
            kernels=_kernels(fields),
            taken_by_auto=fields.flag("taken_by_auto"),
            remarks=fields.texts("remarks"),
        )
        if row.ok and (row.network_ms is None or row.file_bytes is None or row.size_px is None):
            raise ValueError(
                f"{fields.where}: its status is ok, but network_ms, file_bytes or size_px is null"
            )
        return row


def _latency(fields: Fields, key: str) -> Latency | None:
    inner = fields.optional_inner(key)
    return None if inner is None else Latency.from_fields(inner)


def _stages(fields: Fields) -> dict[str, float]:
    inner = fields.optional_inner("stages_ms")
    return {} if inner is None else {stage: inner.number(stage) for stage in inner.names()}


def _kernels(fields: Fields) -> dict[str, int]:
    inner = fields.optional_inner("kernels")
    return {} if inner is None else {kind: inner.whole(kind) for kind in inner.names()}


def _data_sets(fields: Fields) -> tuple[DataSetScores, ...]:
    if not fields.has("data_sets"):
        return ()
    return tuple(DataSetScores.from_fields(each) for each in fields.each("data_sets"))
