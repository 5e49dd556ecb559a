"""Metrics, protocols and results of an evaluation against manual masks."""
