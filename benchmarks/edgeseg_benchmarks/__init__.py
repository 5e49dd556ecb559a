"""Benchmarks of models on a device, and the gate for regressions."""

import edgeseg  # noqa: F401  # first: it turns off the telemetry of the runtimes
