"""Trace and rewrite ONNX graphs."""
