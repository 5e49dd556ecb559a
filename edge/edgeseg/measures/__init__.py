"""Vessel measurements from a mask. Definitions: docs/measures.md."""

from edgeseg.measures.measure import Eye, Measures, measure_vessels
from edgeseg.measures.spacing import Spacing

__all__ = ["Eye", "Measures", "Spacing", "measure_vessels"]
