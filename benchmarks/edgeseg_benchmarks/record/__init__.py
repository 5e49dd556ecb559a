"""Benchmark record: a device and its rows, as written by `edgeseg bench --json`."""

from edgeseg_benchmarks.record.bench import BenchRecord, decode_bench, read_bench
from edgeseg_benchmarks.record.row import BenchRow, BenchRuntime, Latency, RowKey

__all__ = [
    "BenchRecord",
    "BenchRow",
    "BenchRuntime",
    "Latency",
    "RowKey",
    "decode_bench",
    "read_bench",
]
