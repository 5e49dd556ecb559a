"""What a row must say of itself, seen from its siblings: half precision and INT8 do not always pay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from edgeseg_benchmarks.record.bench import BenchRecord
from edgeseg_benchmarks.record.row import BenchRow

NOISE = 1.02
"""Up to this ratio two rows are called equally fast."""


def add_remarks(bench: BenchRecord) -> BenchRecord:
    """The same record, each row with its remarks."""
    rows = tuple(
        replace(row, remarks=(*row.remarks, *_remarks(row, bench))) if row.ok else row
        for row in bench.rows
    )
    return replace(bench, rows=rows)


def computes_otherwise(runtime: str, compute: str) -> Iterator[str]:
    """OpenVINO takes half the bits for floating point, in an FP32 file too, where the CPU multiplies them faster.

    Args:
        runtime: of the row.
        compute: what it says that it computes in.
    """
    if runtime == "openvino" and compute != "f32":
        yield f"what is floating point computed in {compute}: OpenVINO's own choice"


def _remarks(row: BenchRow, bench: BenchRecord) -> Iterator[str]:
    sibling = next(
        (
            r
            for r in bench.rows
            if r.ok and r.key == replace(row.key, precision="fp32") and r.key != row.key
        ),
        None,
    )
    if sibling is not None and row.network_ms is not None and sibling.network_ms is not None:
        # Of the medians that stand in the table, so that nobody reads there what the row does not say.
        slower = row.network_ms.p50 / max(sibling.network_ms.p50, 1e-9)
        if slower > NOISE:
            yield f"{slower:.2f}x slower than FP32 here"
    if row.key.precision == "fp16" and row.kernels and "float16" not in row.kernels:
        yield "no half-precision kernel ran: its convolutions computed in FP32"
    if row.key.precision == "int8" and row.kernels and "int8" not in row.kernels:
        yield "no 8-bit kernel ran: its convolutions computed in FP32"
    failed = sum(data_set.failed for data_set in row.data_sets)
    if failed:
        yield f"{failed} photographs could not be scored; the means are without them"
