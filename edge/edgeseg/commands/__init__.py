"""The commands of `edgeseg`, one module or package each."""
