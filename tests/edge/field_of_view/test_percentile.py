"""Percentile and median without numpy.ma."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeseg.field_of_view.percentile import median, percentile
from edgeseg.synthetic import generate_photo

values = hnp.arrays(np.uint8, hnp.array_shapes(max_dims=2, max_side=40))


@given(values, st.one_of(st.sampled_from([0, 10, 50, 75, 100]), st.integers(0, 100)))
def test_percentile_equals_numpy(array: npt.NDArray[np.uint8], percent: int) -> None:
    assert percentile(array, percent) == np.percentile(array, percent)


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6)))
def test_median_equals_numpy_and_is_nan_if_empty(array: npt.NDArray[np.float64]) -> None:
    assert median(array) == np.median(array)
    assert np.isnan(median(array[:0]))


def test_detect_fov_and_assess_quality_do_not_import_numpy_ma() -> None:
    program = (
        "import sys\n"
        "import numpy as np\n"
        "from edgeseg.field_of_view.detect import detect_fov\n"
        "from edgeseg.quality import assess_quality\n"
        "photo = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(300, 300, 3)\n"
        "assert not assess_quality(photo, detect_fov(photo)).ungradable\n"
        "assert 'numpy.ma' not in sys.modules\n"
    )
    photo = generate_photo(0, 300).photo
    assert photo.shape == (300, 300, 3)
    subprocess.run([sys.executable, "-c", program], input=photo.tobytes(), check=True)
