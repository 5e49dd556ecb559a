"""The command `edgeseg bundle`."""
