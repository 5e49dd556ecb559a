"""The rows of a benchmark as CSV."""

from __future__ import annotations

import csv
import io

from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.row import BenchRow, Latency
from edgeseg_benchmarks.report.formatting import STAGES

FIRST = ("model", "precision", "runtime", "threads", "status")
COSTS = ("size_px", "file_bytes", "cold_start_ms", "peak_rss_bytes")
LATENCIES = ("network", "end_to_end")
RATIOS = ("frames_per_second", "ratio_to_first", "end_to_end_ratio_to_first")
THROUGHPUT = ("gmac", "gflops", "share_of_peak")


def to_csv(record: BenchRecord) -> str:
    """Return one line per row, numbers at full precision, empty cells for missing values."""
    lines = [_flatten_row(record, row) for row in record.rows]
    columns: dict[str, object] = {}
    for line in lines:
        columns |= line
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return stream.getvalue()


def _flatten_row(record: BenchRecord, row: BenchRow) -> dict[str, object]:
    values = {name: getattr(row, name) for name in (*FIRST, *COSTS)}
    for name in LATENCIES:
        latency = getattr(row, f"{name}_ms")
        for field in Latency.__struct_fields__:
            values[f"{name}_{field}_ms"] = getattr(latency, field, None)
    for stage in STAGES:
        values[f"{stage}_ms"] = (row.stages_ms or {}).get(stage)
    values |= {name: getattr(row, name) for name in (*RATIOS, *THROUGHPUT)}
    kernels = (row.kernels or {}).items()
    values["kernels"] = " ".join(f"{kind}:{count}" for kind, count in kernels)
    drops = record.dice_drops(row)
    for name, mean in row.mean_dice.items():
        values[f"dice {name}"] = mean
        values[f"dice_drop {name}"] = drops.get(name)
    values["taken_by_auto"] = row.taken_by_auto
    values["remarks"] = "; ".join(row.remarks)
    return values
