"""From photographs with vessel masks to a checkpoint (extra `train`)."""

import edgeseg  # noqa: F401  # first, because it turns the runtimes' telemetry off
