"""Gate: compare a benchmark with a baseline and fail on regressions."""
