"""Conversion of checkpoints to ONNX files with metadata (extra `export`)."""

import edgeseg  # noqa: F401  # first, because it turns the runtimes' telemetry off
