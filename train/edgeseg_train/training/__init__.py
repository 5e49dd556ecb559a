"""The training loop, losses and compute modes."""
