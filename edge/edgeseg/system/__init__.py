"""Operating system services: atomic files, signals, rate limit, background tasks, telemetry."""
