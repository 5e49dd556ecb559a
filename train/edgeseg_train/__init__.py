"""Training of vessel-segmentation networks (extra `train`)."""

import edgeseg  # noqa: F401  # first: it disables the telemetry of the runtimes
