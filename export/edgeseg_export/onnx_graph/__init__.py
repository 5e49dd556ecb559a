"""Tracing and rewriting of ONNX graphs."""
