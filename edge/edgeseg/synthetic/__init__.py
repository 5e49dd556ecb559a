"""A drawn fundus photograph with its vessel mask and field of view, from one seed."""

from __future__ import annotations

from edgeseg.synthetic.generate import LARGEST, SMALLEST, SyntheticPhoto, generate_photo

__all__ = ["LARGEST", "SMALLEST", "SyntheticPhoto", "generate_photo"]
