"""Image files and pixels: decoding, encoding, overlays."""
