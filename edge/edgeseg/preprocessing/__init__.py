"""Photograph to network input."""
