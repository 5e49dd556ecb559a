"""From a checkpoint to self-describing ONNX files (extra `export`)."""
