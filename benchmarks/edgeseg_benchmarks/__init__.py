"""What a model costs on the device at hand."""

import edgeseg  # noqa: F401  # first, because it turns the runtimes' telemetry off
