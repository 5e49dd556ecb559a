"""The command `edgeseg doctor`."""
