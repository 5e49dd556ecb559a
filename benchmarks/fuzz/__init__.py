"""Mutated files for every reader of edgeseg, and what each reader makes of them. For developers."""
