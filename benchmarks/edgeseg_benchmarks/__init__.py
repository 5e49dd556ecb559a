"""What a model costs on the device at hand."""
