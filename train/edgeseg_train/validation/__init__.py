"""Validation during training and model selection."""
