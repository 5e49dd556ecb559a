"""The model files that this package ships; README.md beside them is their card."""

from __future__ import annotations

from pathlib import Path

MODEL_FOLDER = Path(__file__).parent

SHIPPED_MODELS = {"default": "lean", "detail": "lean-detail"}
"""What users call a shipped model -> its files' name without `.PRECISION.onnx`."""
