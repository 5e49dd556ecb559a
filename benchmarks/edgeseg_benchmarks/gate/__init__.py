"""Gate: comparison of a benchmark with a baseline. It fails on regressions."""
