"""Comparison of ONNX files with PyTorch."""
