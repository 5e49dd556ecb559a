"""From frames to results: inputs, sources, pipeline and result record."""
