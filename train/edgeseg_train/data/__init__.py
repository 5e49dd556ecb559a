"""Training photographs, crops and augmentation."""
