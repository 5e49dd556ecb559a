"""Record of a benchmark, as written by `edgeseg bench --json`."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edgeseg.device import DeviceInfo
from edgeseg.errors import IncomparableError, SystemSetupError, one_line
from edgeseg.system.regular_files import read_regular_file
from edgeseg_benchmarks.record.row import (
    BenchRow,
    NonNegative,
)


class BenchRecord(msgspec.Struct, frozen=True):
    """Result of `edgeseg bench`.

    Attributes:
        device: measured device.
        versions: dict from package name to version, for packages that affect the results.
        rows: rows in the order of the table. Ratios are relative to the first measured row.
        photographs: description of the timed photograph.
        rounds: largest number of timed rounds of a row.
        peak_gflops: dict from number of threads to the throughput of a large FP32 matrix product in
            GFLOP/s.
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
        """Return the drop of the mean Dice relative to the same model's FP32 row, per data set.

        The FP32 row of ONNX Runtime is preferred.

        Returns:
            Dict from data set (`NAME SPLIT`) to drop. The dict is empty for the FP32 row, or
            if the report has no FP32 row.
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
        """Return plain values for JSON.

        Nothing is rounded, because the gate compares exact Dice values.
        """
        rows = [{**row.to_dict(), "dice_drop": self.dice_drops(row) or None} for row in self.rows]
        return {**msgspec.structs.asdict(self), "device": self.device.to_dict(), "rows": rows}

    def to_json(self) -> bytes:
        """Return the content of the JSON file."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2) + b"\n"


def read_bench(file: Path) -> BenchRecord:
    """Read a benchmark's JSON file. Unknown keys are ignored.

    Raises:
        SystemSetupError: The file cannot be read.
        IncomparableError: The file is not a benchmark; the message contains the invalid key.
    """
    try:
        return decode_bench(read_regular_file(file))
    except OSError as error:
        raise SystemSetupError(
            f"{file}: cannot be read ({error.strerror or one_line(error)}). Create the file "
            "with `edgeseg bench --json`."
        ) from error
    except (ValueError, RecursionError) as error:
        raise IncomparableError(
            f"{file}: not a benchmark ({one_line(error)}). Create the file with `edgeseg "
            "bench --json`."
        ) from error


def decode_bench(data: bytes) -> BenchRecord:
    """Decode a record from JSON.

    Raises:
        ValueError: A key is missing or has an invalid value; the message contains its path.
    """
    record = msgspec.json.decode(data, type=BenchRecord)
    for row in record.rows:
        if row.ok and None in (row.network_ms, row.file_bytes, row.size_px):
            raise ValueError(f"{row.key}: ok, but network_ms, file_bytes or size_px is null")
    if len({row.key for row in record.rows}) < len(record.rows):
        raise ValueError("two rows of the same model, precision, runtime and threads")
    return record
