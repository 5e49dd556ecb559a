"""Remarks on rows, such as an INT8 row that is slower than FP32."""

from collections.abc import Iterator

from msgspec.structs import replace

from edgeseg_benchmarks.record import BenchRecord, BenchRow

EQUAL_RATIO = 1.02  # latency ratio up to which two rows are considered equally fast
KERNELS = {"fp16": "float16", "int8": "int8"}


def add_remarks(record: BenchRecord) -> BenchRecord:
    """Return the record with remarks added to every measured row."""
    rows = {row.key: row for row in record.rows}
    for key, row in rows.items():
        if row.ok:
            reference = rows.get(key._replace(precision="fp32"), row)
            rows[key] = replace(row, remarks=(*row.remarks, *_row_remarks(row, reference)))
    return replace(record, rows=tuple(rows.values()))


def compute_remarks(runtime: str, compute: str) -> tuple[str, ...]:
    """Return a remark if OpenVINO does not compute in FP32, for example on a CPU with AMX.

    Args:
        runtime: runtime of the row.
        compute: data type reported by the runtime.
    """
    if runtime == "openvino" and compute != "f32":
        return (f"OpenVINO computes floating-point layers in {compute}",)
    return ()


def _row_remarks(row: BenchRow, reference: BenchRow) -> Iterator[str]:
    ratio = _latency_ratio(row, reference)
    if ratio is not None and ratio > EQUAL_RATIO:
        yield f"{ratio:.2f}x slower than FP32"
    kernel = KERNELS.get(row.precision)
    if kernel is not None and row.kernels and kernel not in row.kernels:
        yield f"no {row.precision.upper()} kernel was used: convolutions were computed in FP32"
    failed = sum(data_set.failed for data_set in row.data_sets)
    total = sum(len(data_set.photographs) for data_set in row.data_sets)
    if failed:
        yield f"{failed} of {total} photographs could not be scored and are excluded from the means"


def _latency_ratio(row: BenchRow, reference: BenchRow) -> float | None:
    """Return the network latency of a row relative to its FP32 row, or None if unknown.

    The ratios per round are used if available, because changes of the clock frequency cancel out.
    """
    if row.ratio_to_first is not None and reference.ratio_to_first:
        return row.ratio_to_first / reference.ratio_to_first
    if row.network_ms is not None and reference.network_ms is not None:
        return row.network_ms.p50 / max(reference.network_ms.p50, 1e-9)
    return None
