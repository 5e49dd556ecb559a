"""The model files that this package ships; see README.md beside them."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
