"""Gate: comparison of a benchmark with a baseline, which fails on regressions."""
