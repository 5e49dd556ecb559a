"""The gate: a bench against a baseline, did it get worse."""
