"""Photographs with manual vessel masks: published data sets, own data, synthetic photographs."""

from edgeseg.datasets.catalog import LICENCES, READERS, DataSet, open_data, select_split
from edgeseg.datasets.pair import (
    LoadedPair,
    Pair,
    Split,
    SplitChoice,
    read_second_observer_mask,
)

__all__ = [
    "LICENCES",
    "READERS",
    "DataSet",
    "LoadedPair",
    "Pair",
    "Split",
    "SplitChoice",
    "open_data",
    "read_second_observer_mask",
    "select_split",
]
