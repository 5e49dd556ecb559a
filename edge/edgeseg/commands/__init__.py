"""Commands of `edgeseg`: parse options, call the package, print."""
