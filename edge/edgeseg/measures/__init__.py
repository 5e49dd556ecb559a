"""Vessel measurements of a mask, as defined in docs/measures.md."""

from edgeseg.measures.eye import Eye
from edgeseg.measures.measure import Measures, measure_vessels
from edgeseg.measures.spacing import Spacing

__all__ = ["Eye", "Measures", "Spacing", "measure_vessels"]
