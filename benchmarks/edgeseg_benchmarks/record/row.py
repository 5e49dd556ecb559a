"""Row of a benchmark record."""

from typing import Annotated, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from edgeseg.console import plural
from edgeseg.evaluation.scores import OK, DataSetScores, scores_by_name
from edgeseg.models.card import Precision
from edgeseg_benchmarks.record.measures import DataSetMeasures

# Runtime of a row, never `auto`.
BenchRuntime: TypeAlias = Literal["onnxruntime", "openvino", "ncnn"]
NonNegative: TypeAlias = Annotated[float, Meta(ge=0)]
Count: TypeAlias = Annotated[int, Meta(ge=0)]


class Latency(msgspec.Struct, frozen=True):
    """Percentiles (50, 90, 95) and minimum of a row's times in milliseconds."""

    p50: NonNegative
    p90: NonNegative
    p95: NonNegative
    min: NonNegative


class RowKey(NamedTuple):
    """Identity of a row, unique within a benchmark.

    Attributes:
        model: name of a shipped model or stem of the model file; `resunet-deeper` for the reference
            model.
        precision: precision of the model file, never `auto`.
        runtime: `onnxruntime`, `openvino` or `ncnn`.
        threads: number of CPU threads.
    """

    model: str
    precision: Precision
    runtime: BenchRuntime
    threads: int

    def __str__(self) -> str:
        return f"{self.model} {self.precision} {self.runtime} {plural(self.threads, 'thread')}"


class BenchRow(msgspec.Struct, frozen=True):
    """Measurements of one row.

    A value is None if it was not measured. If `status` is not `ok`, all values are None.

    Attributes:
        model: as in `RowKey`.
        precision: as in `RowKey`.
        runtime: as in `RowKey`.
        threads: as in `RowKey`.
        size_px: working size (width and height of the network input) in pixels.
        file_bytes: size of the model file.
        network_ms: latency of the network without pre- and post-processing.
        end_to_end_ms: latency from the bytes of a photograph file to the mask at the same size.
        stages_ms: median of each stage (`decode`, `field_of_view`, `preprocess`, ...).
        cold_start_ms: time from the start of a new process to its first mask.
        peak_rss_bytes: peak resident memory of the row's process.
        gmac: multiply-accumulate operations per image in 10^9.
        ratio_to_first: network latency relative to the first row (median of the ratios per round).
        data_sets: Dice of each photograph, native protocol.
        status: `ok`, or the reason for the failure.
        end_to_end_ratio_to_first: end-to-end latency relative to the first row (median of the
            ratios per round).
        gflops: throughput of the network in GFLOP/s; a multiply-accumulate counts as two
            operations.
        share_of_peak: `gflops` divided by `peak_gflops` of the benchmark for the same number of
            threads.
        kernels: dict from the data type of a kernel to the number of convolutions.
        taken_by_auto: whether `auto` selects this file and runtime on this device.
        remarks: limitations, as text.
        measured: measurements of each photograph; empty if `--measures` was not given.
    """

    model: str
    precision: Precision
    runtime: BenchRuntime
    threads: Annotated[int, Meta(ge=1)]
    size_px: Count | None = None
    file_bytes: Count | None = None
    network_ms: Latency | None = None
    end_to_end_ms: Latency | None = None
    stages_ms: dict[str, NonNegative] | None = None
    cold_start_ms: NonNegative | None = None
    peak_rss_bytes: Count | None = None
    gmac: NonNegative | None = None
    ratio_to_first: NonNegative | None = None
    data_sets: tuple[DataSetScores, ...] = ()
    status: str = OK
    end_to_end_ratio_to_first: NonNegative | None = None
    gflops: NonNegative | None = None
    share_of_peak: NonNegative | None = None
    kernels: dict[str, Count] | None = None
    taken_by_auto: bool = False
    remarks: tuple[str, ...] = ()
    measured: tuple[DataSetMeasures, ...] = ()

    @property
    def key(self) -> RowKey:
        """Model, precision, runtime and threads, which identify the row."""
        return RowKey(self.model, self.precision, self.runtime, self.threads)

    @property
    def ok(self) -> bool:
        """True if the row was measured."""
        return self.status == OK

    @property
    def frames_per_second(self) -> float | None:
        """End-to-end throughput in photographs per second, without parallel processing.

        None if the end-to-end time was not measured.
        """
        if self.end_to_end_ms is None or self.end_to_end_ms.p50 <= 0:
            return None
        return 1e3 / self.end_to_end_ms.p50

    @property
    def mean_dice(self) -> dict[str, float | None]:
        """Dict from data set (`NAME SPLIT`) to mean Dice; None if no photograph was scored."""
        return {f"{d.name} {d.split}": scores_by_name(d.mean)["dice"] for d in self.data_sets}

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON. `dice_drop` depends on other rows and is omitted."""
        return {
            **msgspec.structs.asdict(self),
            "data_sets": [data_set.to_dict() for data_set in self.data_sets],
            "frames_per_second": self.frames_per_second,
        }
