"""Operating system services: atomic files, signals, rate limit, telemetry."""
