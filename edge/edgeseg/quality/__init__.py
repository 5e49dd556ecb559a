"""Image quality of one field of view: focus, light, colour, and visible share of the retina."""

from edgeseg.quality.assess import assess_for_model, assess_quality
from edgeseg.quality.frame_quality import NO_FUNDUS, FrameQuality

__all__ = ["NO_FUNDUS", "FrameQuality", "assess_for_model", "assess_quality"]
