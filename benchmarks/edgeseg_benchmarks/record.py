"""The record of a benchmark: one device and its rows. The contract of `edgeseg bench --json`."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from edgeseg.console import plural
from edgeseg.device import DeviceInfo
from edgeseg.errors import IncomparableError, SystemSetupError, one_line
from edgeseg.evaluation.scores import OK, DataSetScores, scores_by_name
from edgeseg.models.card import Precision

# Runtime of a row, never `auto`.
BenchRuntime: TypeAlias = Literal["onnxruntime", "openvino", "ncnn"]
NonNegative: TypeAlias = Annotated[float, Meta(ge=0)]
Count: TypeAlias = Annotated[int, Meta(ge=0)]


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds over the rounds: median, 90th and 95th percentile, and minimum."""

    p50: NonNegative
    p90: NonNegative
    p95: NonNegative
    min: NonNegative


class RowKey(NamedTuple):
    """The identity of a row; unique within a benchmark.

    Attributes:
        model: shipped name or stem of the model file; `resunet-deeper` for the reference model.
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
    """The measurements of one row.

    A measurement is None if it was not taken; all are None if `status` is not `ok`.

    Attributes:
        model: as in `RowKey`.
        precision: as in `RowKey`.
        runtime: as in `RowKey`.
        threads: as in `RowKey`.
        size_px: working size, the side of the square network input in pixels.
        file_bytes: size of the model file.
        network_ms: latency of the network alone.
        end_to_end_ms: latency from the bytes of a photograph file to the mask at the same size.
        stages_ms: median of each stage (`decode`, `field_of_view`, `preprocess`, ...).
        cold_start_ms: time from the start of a new process to its first mask.
        peak_rss_bytes: peak resident memory of the row's process.
        gmac: 10^9 multiply-accumulate operations per image.
        ratio_to_first: network latency relative to the first row, the median of the rounds' ratios.
        data_sets: Dice of each photograph, native protocol.
        status: `ok`, or the reason for the failure.
        end_to_end_ratio_to_first: as `ratio_to_first`, for the end-to-end latency.
        gflops: throughput of the network in 10^9 operations per second; one multiply-accumulate
            counts as two operations.
        share_of_peak: `gflops` divided by the throughput of a large FP32 matrix product on the same
            threads in the same benchmark.
        kernels: number of convolutions by the data type of their kernel.
        taken_by_auto: whether `auto` selects this file and runtime on this device.
        remarks: limitations, as text.
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

    @property
    def key(self) -> RowKey:
        """The identity of the row."""
        return RowKey(self.model, self.precision, self.runtime, self.threads)

    @property
    def ok(self) -> bool:
        """True if the row was measured."""
        return self.status == OK

    @property
    def frames_per_second(self) -> float | None:
        """Photographs per second, end to end, processed one after the other."""
        if self.end_to_end_ms is None or self.end_to_end_ms.p50 <= 0:
            return None
        return 1e3 / self.end_to_end_ms.p50

    @property
    def mean_dice(self) -> dict[str, float | None]:
        """Mean Dice by data set (`NAME SPLIT`); None if no photograph was scored."""
        return {f"{d.name} {d.split}": scores_by_name(d.mean)["dice"] for d in self.data_sets}

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON, without `dice_drop`, which depends on other rows."""
        return {
            **msgspec.structs.asdict(self),
            "data_sets": [data_set.to_dict() for data_set in self.data_sets],
            "frames_per_second": self.frames_per_second,
        }


class BenchRecord(msgspec.Struct, frozen=True):
    """The result of one `edgeseg bench`.

    Attributes:
        device: the device that was measured.
        versions: installed packages that influence the results, name -> version.
        rows: in the order of the table; ratios refer to the first measured row.
        photographs: description of the timed photograph.
        rounds: largest number of timed rounds of a row.
        peak_gflops: 10^9 FP32 operations per second of a large matrix product, by threads.
        warnings: conditions that make the timings unreliable (governor, temperature, load).
    """

    device: DeviceInfo
    versions: dict[str, str]
    rows: Annotated[tuple[BenchRow, ...], Meta(min_length=1)]
    photographs: str = ""
    rounds: int = 0
    peak_gflops: dict[int, NonNegative] = {}
    warnings: tuple[str, ...] = ()

    @property
    def has_dice(self) -> bool:
        """True if a row was scored on a data set."""
        return any(row.data_sets for row in self.rows)

    def dice_drops(self, row: BenchRow) -> dict[str, float]:
        """Return the drop of each data set's mean Dice relative to the same model's FP32 row.

        The FP32 row is that of ONNX Runtime if there is one.

        Returns:
            Drop by data set (`NAME SPLIT`); empty for the FP32 row itself and without an FP32 row.
        """
        drops: dict[str, float] = {}
        kin = [other for other in self.rows if other.model == row.model and other.data_sets]
        kin.sort(key=lambda other: (other.precision != "fp32", other.runtime != "onnxruntime"))
        if not kin or kin[0].precision != "fp32" or kin[0].key == row.key:
            return drops
        for name, now in row.mean_dice.items():
            before = kin[0].mean_dice.get(name)
            if before is not None and now is not None:
                drops[name] = before - now
        return drops

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON at full precision: the gate compares Dice bit by bit."""
        rows = [{**row.to_dict(), "dice_drop": self.dice_drops(row) or None} for row in self.rows]
        return {**msgspec.structs.asdict(self), "device": self.device.to_dict(), "rows": rows}

    def to_json(self) -> bytes:
        """Return the content of the JSON file."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2) + b"\n"


def read_bench(file: Path) -> BenchRecord:
    """Read a benchmark's JSON file; unknown keys are ignored.

    Raises:
        SystemSetupError: the file cannot be read.
        IncomparableError: the file is not a benchmark; the message names the invalid key.
    """
    try:
        return decode_bench(file.read_bytes())
    except OSError as error:
        raise SystemSetupError(
            f"{file}: cannot be read ({error.strerror or one_line(error)}). "
            "Create it with `edgeseg bench --json`."
        ) from error
    except (ValueError, RecursionError) as error:
        raise IncomparableError(
            f"{file}: not a benchmark ({one_line(error)}). Create it with `edgeseg bench --json`."
        ) from error


def decode_bench(data: bytes) -> BenchRecord:
    """Decode a record from JSON.

    Raises:
        ValueError: a key is missing or has an invalid value; the message contains its path.
    """
    record = msgspec.json.decode(data, type=BenchRecord)
    for row in record.rows:
        if row.ok and None in (row.network_ms, row.file_bytes, row.size_px):
            raise ValueError(f"{row.key}: ok, but network_ms, file_bytes or size_px is null")
    if len({row.key for row in record.rows}) < len(record.rows):
        raise ValueError("two rows of the same model, precision, runtime and threads")
    return record
