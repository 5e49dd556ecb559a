"""Detect where the retina is in a photograph."""
