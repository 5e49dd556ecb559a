"""Processing of frames: inputs, sources, pipeline and result records."""
