"""Frames to results: inputs, pipeline, sources and the result record."""
