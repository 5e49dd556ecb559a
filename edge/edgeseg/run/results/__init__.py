"""Results of a run: the record, provenance, the overlay video and console output."""
