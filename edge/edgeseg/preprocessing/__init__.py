"""Preprocessing of a photograph to the network input."""
