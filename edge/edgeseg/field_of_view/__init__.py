"""Detection of the field of view in a photograph."""
