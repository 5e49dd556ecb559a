"""Network input to probability: ONNX Runtime and OpenVINO."""
