"""Other runtimes that the same weights are measured in, where they are installed; the device does not use them."""
