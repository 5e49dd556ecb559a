"""Test every file reader of edgeseg with mutated files. For developers."""
