"""Conversion of the FP32 graph to FP16 and INT8."""
