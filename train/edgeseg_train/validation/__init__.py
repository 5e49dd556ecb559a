"""Validation during training and model selection at its end."""
