"""Random numbers that do not depend on the machine, and smooth fields made of them."""

from __future__ import annotations

from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Field: TypeAlias = npt.NDArray[np.float32]
"""(S, S) float32, mean about 0, standard deviation about 1."""

Stream = Literal["scene", "tree", "retina", "lamp", "camera"]
_STREAMS: dict[Stream, int] = {"scene": 0, "tree": 1, "retina": 2, "lamp": 3, "camera": 4}


def generator(seed: int, stream: Stream) -> np.random.Generator:
    """One independent stream a step, so that a change in one step leaves the others' draws alone."""
    return np.random.Generator(np.random.PCG64([seed, _STREAMS[stream]]))


def knots(rng: np.random.Generator, rows: int, columns: int) -> Field:
    """Smooth random knots (rows, columns) of standard deviation 1; their number sets the grain."""
    white = rng.standard_normal((rows, columns), dtype=np.float32)
    smooth = cv2.GaussianBlur(white, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT)
    return np.asarray((smooth - smooth.mean()) / smooth.std(), dtype=np.float32)


def smooth_field(rng: np.random.Generator, size: int, cells: int) -> Field:
    """A random field (size, size) with features of size / cells pixels, alike at every size."""
    shrinks = cells > size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(
        cv2.resize(knots(rng, cells, cells), (size, size), interpolation=how), dtype=np.float32
    )


def sample(field: Field, x: npt.NDArray[np.floating], y: npt.NDArray[np.floating]) -> Field:
    """Values of `field` at coordinates 0 to 1, bilinear, mirrored beyond."""
    rows, columns = field.shape
    across = np.asarray(x * (columns - 1), dtype=np.float32)
    down = np.asarray(y * (rows - 1), dtype=np.float32)
    got = cv2.remap(field, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(got, dtype=np.float32).reshape(x.shape)


def read(fields: list[Field], points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Two fields (across, down) at points (N, 2) in scene coordinates, which end at 1.3."""
    place = np.clip((points + 1.3) / 2.6, 0, 1)
    return np.stack(
        [sample(field, place[:, 0], place[:, 1]).astype(np.float64) for field in fields], 1
    )
