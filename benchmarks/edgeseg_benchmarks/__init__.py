"""Benchmarks of models on this device, and the gate."""

import edgeseg  # noqa: F401  # first: it turns off the telemetry of the runtimes
