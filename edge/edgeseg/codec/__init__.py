"""From the bytes of an image file to its samples, faithfully or not at all; used by `edgeseg.photo` only."""
