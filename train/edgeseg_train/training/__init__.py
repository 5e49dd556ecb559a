"""Training loop, losses and compute modes."""
