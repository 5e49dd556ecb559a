"""Print PVBM's measurements of masks, for comparison with edgeseg.

    python -m venv pvbm && pvbm/bin/pip install pvbm==3.0.1.8
    pvbm/bin/python benchmarks/pvbm_figures.py MASK...

Use a separate environment: PVBM requires torchvision and opencv-python, which must not be installed
in edgeseg's environment. The script prints one line of JSON per mask with the SHA-256 of the file,
the version of PVBM, and its measurements.
"""

import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np


def main(files: list[str]) -> None:
    """Print one line of JSON per mask."""
    from PVBM.FractalAnalysis import (  # type: ignore[import-not-found]  # noqa: PLC0415
        MultifractalVBMs,
    )
    from PVBM.GeometricalAnalysis import (  # type: ignore[import-not-found]  # noqa: PLC0415
        GeometricalVBMs,
    )
    from skimage.io import imread  # type: ignore[import-not-found]  # noqa: PLC0415
    from skimage.morphology import skeletonize  # type: ignore[import-not-found]  # noqa: PLC0415

    geometry = GeometricalVBMs()
    for file in files:
        image = np.squeeze(imread(file))
        grey = image if image.ndim == 2 else image.max(axis=2)
        mask = (grey > 127).astype(np.float64)
        skeleton = skeletonize(mask > 0).astype(np.float64)
        ends, branches, _, _ = geometry.compute_particular_points(skeleton)
        tortuosity, length, *_ = geometry.compute_tortuosity_length(skeleton)
        side = max(mask.shape)
        square = np.zeros((side, side))
        square[: mask.shape[0], : mask.shape[1]] = mask
        dimensions = MultifractalVBMs().compute_multifractals(square)
        figures = {
            "file": Path(file).name,
            "sha256": hashlib.sha256(Path(file).read_bytes()).hexdigest(),
            "pvbm": version("pvbm"),
            "area": int(mask.sum()),
            "ovlen": float(length),
            "median_tortuosity": float(tortuosity),
            "endp": int(ends),
            "interp": int(branches),
            "D0": float(dimensions[0]),
        }
        sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
