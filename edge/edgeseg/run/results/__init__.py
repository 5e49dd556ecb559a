"""Results of a run: record, provenance, overlay video and console output."""
