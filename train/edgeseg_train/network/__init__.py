"""Network architectures and their complexity."""
