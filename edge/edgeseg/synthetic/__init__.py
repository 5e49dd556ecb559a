"""Synthetic fundus photographs with vessel mask and field of view, generated from a seed."""

from edgeseg.synthetic.generate import LARGEST, SMALLEST, SyntheticPhoto, generate_photo

__all__ = ["LARGEST", "SMALLEST", "SyntheticPhoto", "generate_photo"]
