"""Progress display, log file and plots of a training run."""
