"""The benchmark record as JSON."""
