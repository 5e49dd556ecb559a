"""Inference (network input to probability) with ONNX Runtime or OpenVINO."""
