"""Operating system services: atomic files, signals, background tasks, telemetry."""
