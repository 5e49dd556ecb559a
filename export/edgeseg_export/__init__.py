"""Conversion of checkpoints to self-describing ONNX files (extra `export`)."""

import edgeseg  # noqa: F401  # first, because it turns the runtimes' telemetry off
