"""Commands of `edgeseg`. A command parses its options, calls the package and prints the results."""
