"""Measurements of a data set in a benchmark record."""

import msgspec


class DataSetMeasures(msgspec.Struct, frozen=True):
    """Measurements of the predicted masks of a data set.

    Attributes:
        name: name on the command line (`drive`, ...).
        split: `train`, `validation`, `test` or `all`.
        version: version of the definitions.
        photographs: dict from the name of a segmented photograph to its measurements.
    """

    name: str
    split: str
    version: int
    photographs: dict[str, dict[str, float | None]]
