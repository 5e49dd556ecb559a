"""Compare ONNX files with PyTorch."""
