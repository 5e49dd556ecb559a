"""Tests of every reader of edgeseg with mutated files. For developers."""
