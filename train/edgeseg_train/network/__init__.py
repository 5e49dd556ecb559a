"""Network architectures and their cost."""
