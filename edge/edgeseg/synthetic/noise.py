"""Machine-independent random numbers, and smooth random fields."""

from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

# (H, W) float32. A random field has a mean of about 0 and a standard deviation of about 1.
Field: TypeAlias = npt.NDArray[np.float32]

Stream = Literal["scene", "tree", "retina", "lamp", "camera"]
_STREAMS: dict[Stream, int] = {"scene": 0, "tree": 1, "retina": 2, "lamp": 3, "camera": 4}


def random_generator(seed: int, stream: Stream) -> np.random.Generator:
    """Return the random generator of one step. Other steps do not affect it."""
    return np.random.Generator(np.random.PCG64([seed, _STREAMS[stream]]))


def noise_grid(rng: np.random.Generator, rows: int, columns: int) -> Field:
    """Generate a smooth random grid with standard deviation 1, (rows, columns)."""
    white = rng.standard_normal((rows, columns), dtype=np.float32)
    smooth = cv2.GaussianBlur(white, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT)
    return np.asarray((smooth - smooth.mean()) / smooth.std(), dtype=np.float32)


def noise_field(rng: np.random.Generator, size: int, cells: int) -> Field:
    """Generate a random field, (size, size). The features are the same for every size.

    Args:
        rng: random generator.
        size: side of the field in pixels.
        cells: number of features along a side.
    """
    interpolation = cv2.INTER_AREA if cells > size else cv2.INTER_CUBIC
    resized = cv2.resize(noise_grid(rng, cells, cells), (size, size), interpolation=interpolation)
    return np.asarray(resized, dtype=np.float32)


def sample_field(field: Field, x: npt.NDArray[np.floating], y: npt.NDArray[np.floating]) -> Field:
    """Sample a field at coordinates 0 to 1 bilinearly. Beyond its edges, the field is mirrored.

    Returns:
        Values in the shape of `x` and `y`.
    """
    rows, columns = field.shape
    map_x = np.asarray(x * (columns - 1), dtype=np.float32)
    map_y = np.asarray(y * (rows - 1), dtype=np.float32)
    values = cv2.remap(field, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(values, dtype=np.float32).reshape(x.shape)


def sample_vectors(fields: list[Field], points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sample two fields (x, y) at points (N, 2) in scene coordinates, clipped to +-1.3.

    Returns:
        Vectors (N, 2) float64.
    """
    x, y = np.clip((points + 1.3) / 2.6, 0, 1).T
    return np.stack([sample_field(field, x, y).astype(np.float64) for field in fields], 1)
