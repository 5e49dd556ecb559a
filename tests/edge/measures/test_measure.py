"""Measurements of real, drawn and random masks, and invalid arguments."""

from __future__ import annotations

import warnings

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgeseg.errors import UsageError
from edgeseg.imaging.arrays import Mask, Probability
from edgeseg.measures import Measures, Spacing, measure_vessels

COUNTS = ("branching", "end_point", "segment", "tortuosity")
FRAME = np.full((300, 300), 255, np.uint8)


@pytest.fixture
def cross() -> Mask:
    mask = np.zeros((300, 300), np.uint8)
    cv2.line(mask, (30, 60), (270, 200), 255, 5)
    cv2.line(mask, (150, 20), (150, 280), 255, 3)
    return mask


def figures(measures: Measures) -> dict[str, float]:
    assert measures.values is not None
    numbers = {"vessel_density": measures.vessel_density}
    for name, value in msgspec.structs.asdict(measures.values).items():
        if isinstance(value, (int, float)):
            numbers[name] = value
    return numbers


def assert_close(now: Measures, before: Measures, limit: float, relative: bool) -> None:
    after = figures(now)
    for name, value in figures(before).items():
        if relative and "_px" in name:
            continue
        tolerance = 0.1 if name.startswith(COUNTS) else limit
        assert after[name] == pytest.approx(value, rel=tolerance), name


def transform(mask: Mask, degrees: float, scale: float) -> tuple[Mask, Probability]:
    """Rotate and rescale a mask by transforming its distance map.

    Return the mask, and the mask with a soft edge.
    """
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_5)
    outside = cv2.distanceTransform(255 - mask, cv2.DIST_L2, cv2.DIST_MASK_5)
    distance = np.where(mask != 0, inside - 0.5, 0.5 - outside).astype(np.float32)
    height, width = mask.shape
    side = int(1.08 * max(height, width) * scale)
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, scale)
    matrix[:, 2] += (side / 2 - width / 2, side / 2 - height / 2)
    moved = scale * cv2.warpAffine(distance, matrix, (side, side), borderValue=-100)
    soft = np.clip(moved + 0.5, 0, 1).astype(np.float32)
    return np.where(soft >= 0.5, np.uint8(255), np.uint8(0)), soft


def test_measure_vessels_of_any_memory_layout_returns_the_same_and_keeps_the_mask(
    cross: Mask,
) -> None:
    expected = measure_vessels(cross, FRAME)
    for mask in (np.asfortranarray(cross), np.repeat(cross, 2, axis=1)[:, ::2]):
        before = mask.copy()
        assert measure_vessels(mask, np.asfortranarray(FRAME)) == expected
        np.testing.assert_array_equal(mask, before)


@pytest.mark.slow
def test_rotation_and_mirroring_do_not_change_measurements(
    hrf_mask: tuple[Mask, Mask],
) -> None:
    mask, fov = hrf_mask
    before = measure_vessels(mask, fov)
    turned = [(np.rot90(mask, turns), np.rot90(fov, turns)) for turns in (1, 2)]
    for moved_mask, moved_fov in (*turned, (mask[:, ::-1], fov[:, ::-1])):
        after = measure_vessels(moved_mask, moved_fov)
        assert_close(after, before, 0.005, relative=False)


@pytest.mark.slow
@pytest.mark.parametrize(("degrees", "scale"), [(17, 1.0), (0, 0.7), (0, 1.4), (0, 2.0)])
def test_rotation_and_rescaling_do_not_change_relative_measurements(
    degrees: float, scale: float, hrf_mask: tuple[Mask, Mask]
) -> None:
    mask, fov = hrf_mask
    first, soft = transform(mask, 0, 1.0)
    inside, _ = transform(fov, 0, 1.0)
    before = measure_vessels(first, inside, soft)
    mask, soft = transform(mask, degrees, scale)
    fov, _ = transform(fov, degrees, scale)
    assert_close(measure_vessels(mask, fov, soft), before, 0.03, relative=True)


def test_drive_mask_has_plausible_measurements(drive_mask: tuple[Mask, Mask]) -> None:
    mask, fov = drive_mask
    measures = measure_vessels(mask, fov)
    numbers = figures(measures)
    assert measures.status == "ok"
    assert numbers["vessel_density"] == pytest.approx(0.13, abs=0.02)
    assert 2 < numbers["width_p10_px"] + 1.5 < numbers["width_mean_px"] + 1.5 < 6
    assert 100 < numbers["branching_point_count"] < 200
    assert 1 < numbers["tortuosity_arc_chord_mean"] < 1.2


def test_quadrant_measurements_add_up_to_the_field(drive_mask: tuple[Mask, Mask]) -> None:
    mask, fov = drive_mask
    values = measure_vessels(mask, fov, eye="left").values
    assert values is not None
    names = ("upper_left", "upper_right", "lower_left", "lower_right")
    parts = [getattr(values.quadrant, name) for name in names]
    total = sum(part.total_length_px for part in parts)
    assert total == pytest.approx(values.total_length_px, rel=1e-4)
    assert sum(part.end_point_count for part in parts) == values.end_point_count
    assert sum(part.segment_count for part in parts) == values.segment_count


@pytest.mark.parametrize(
    ("eye", "temporal", "nasal"), [("left", "right", "left"), ("right", "left", "right")]
)
def test_quadrants_have_anatomical_names_if_the_eye_is_known(
    eye: str, temporal: str, nasal: str, cross: Mask
) -> None:
    values = measure_vessels(cross, FRAME, eye=eye).values  # type: ignore[arg-type]
    assert values is not None
    quadrant = values.quadrant
    assert quadrant.superior_temporal == getattr(quadrant, f"upper_{temporal}")
    assert quadrant.superior_nasal == getattr(quadrant, f"upper_{nasal}")
    assert quadrant.inferior_temporal == getattr(quadrant, f"lower_{temporal}")
    unknown = measure_vessels(cross, FRAME).values
    assert unknown is not None
    assert unknown.quadrant.superior_temporal is msgspec.UNSET


def test_spacing_adds_micrometres(cross: Mask) -> None:
    values = measure_vessels(cross, FRAME, spacing=Spacing(20, 20)).values
    assert values is not None
    assert values.width_mean_px is not None
    assert values.width_mean_um == pytest.approx(20 * values.width_mean_px, rel=1e-5)
    assert values.skeleton_density_per_px is not None
    assert values.skeleton_density_per_mm == pytest.approx(
        50 * values.skeleton_density_per_px, rel=1e-5
    )
    without = measure_vessels(cross, FRAME).values
    assert without is not None
    assert without.width_mean_um is msgspec.UNSET


@pytest.mark.parametrize(
    ("spacing", "status"),
    [
        (Spacing(20, 20.1), "ok"),
        (Spacing(20, 21), "anisotropic"),
        (Spacing(9, 9), "implausible"),
        (Spacing(200, 200), "implausible"),
        (None, "not_given"),
    ],
)
def test_implausible_spacing_gives_null_micrometres(
    spacing: Spacing | None, status: str, cross: Mask
) -> None:
    measures = measure_vessels(cross, FRAME, spacing=spacing)
    assert measures.um_per_px_status == status
    assert (measures.um_per_px is None) == (status != "ok")
    if spacing is not None and status != "ok":
        assert measures.values is not None
        assert measures.values.width_mean_um is None


@pytest.mark.parametrize("value", [-5.0, 0.0, float("nan"), float("inf")])
def test_invalid_spacing_is_rejected(value: float, cross: Mask) -> None:
    with pytest.raises(UsageError):
        measure_vessels(cross, FRAME, spacing=Spacing(value, value))


def test_empty_mask_has_zero_lengths_and_null_widths() -> None:
    measures = measure_vessels(np.zeros_like(FRAME), FRAME)
    assert measures.status == "no_vessels"
    assert measures.values is not None
    assert (measures.values.total_length_px, measures.values.segment_count) == (0, 0)
    assert measures.values.width_mean_px is None
    assert measures.values.fractal_dimension_mask is None


def test_full_mask_is_not_measured() -> None:
    measures = measure_vessels(FRAME, FRAME)
    assert (measures.status, measures.values) == ("not_vessels", None)


def test_small_field_is_not_measured() -> None:
    measures = measure_vessels(np.zeros((100, 90)), np.ones((100, 90)))
    assert (measures.status, measures.values) == ("field_too_small", None)


def test_mask_that_is_not_binary_is_thresholded_with_a_warning(cross: Mask) -> None:
    expected = measure_vessels(cross, FRAME)
    with pytest.warns(UserWarning, match="binary"):
        grey = measure_vessels(np.where(cross > 0, np.uint8(250), cross) + (cross == 0), FRAME)
    with pytest.warns(UserWarning, match="binary"):
        share = measure_vessels(np.where(cross > 0, 0.8, 0.1), FRAME)
    assert grey.values == expected.values == share.values


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int64, np.float32])
def test_binary_mask_of_any_type_is_accepted(dtype: type, cross: Mask) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measured = measure_vessels((cross > 0).astype(dtype), FRAME)
    assert measured.values == measure_vessels(cross, FRAME).values


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_probability_of_any_floating_point_type_is_accepted(dtype: type, cross: Mask) -> None:
    probability = (cross > 0).astype(np.float32)
    measured = measure_vessels(cross, FRAME, probability.astype(dtype))
    assert measured.values == measure_vessels(cross, FRAME, probability).values


def test_threshold_without_probability_does_not_change_measurements(cross: Mask) -> None:
    assert measure_vessels(cross, FRAME, threshold=0.1) == measure_vessels(cross, FRAME)


def test_vessel_density_has_six_significant_digits() -> None:
    mask = np.zeros_like(FRAME)
    mask[150, 100:107] = 255
    assert measure_vessels(mask, FRAME).vessel_density == 7.77778e-05


@pytest.mark.parametrize(
    ("mask", "fov", "probability", "threshold"),
    [
        (np.zeros((300, 200)), FRAME, None, None),
        (np.zeros((300, 300, 3)), FRAME, None, None),
        (np.full((300, 300), np.nan), FRAME, None, None),
        (np.full((300, 300), -1), FRAME, None, None),
        (np.array([["vessel"]]), FRAME, None, None),
        (FRAME, np.zeros_like(FRAME), None, None),
        (FRAME, np.full((300, 300), np.nan), None, None),
        (FRAME, FRAME, np.full((300, 300), np.nan, np.float32), None),
        (FRAME, FRAME, np.full((300, 299), 0.5, np.float32), None),
        (FRAME, FRAME, None, 1.5),
        (FRAME, FRAME, None, float("nan")),
    ],
)
def test_invalid_arrays_are_rejected(
    mask: npt.NDArray[np.generic],
    fov: npt.NDArray[np.generic],
    probability: Probability | None,
    threshold: float | None,
) -> None:
    with pytest.raises(UsageError):
        measure_vessels(mask, fov, probability, threshold)


@settings(max_examples=25)
@given(arrays.arrays(np.uint8, (150, 140), elements=st.integers(0, 1), fill=st.just(0)))
def test_any_mask_gives_valid_json(mask: npt.NDArray[np.uint8]) -> None:
    measures = measure_vessels(mask, np.ones_like(mask), eye="right", spacing=Spacing(60, 60))
    text = msgspec.json.encode(measures.values)
    assert b"NaN" not in text
    assert msgspec.json.decode(text, type=type(measures.values)) == measures.values


def test_many_branches_are_measured_without_recursion() -> None:
    mask = np.zeros((700, 700), np.uint8)
    mask[::6] = 255
    mask[:, ::6] = 255
    values = measure_vessels(mask, np.ones_like(mask)).values
    assert values is not None
    assert values.branching_point_count is not None
    assert values.branching_point_count > 10_000


def test_result_does_not_depend_on_the_number_of_threads(drive_mask: tuple[Mask, Mask]) -> None:
    threads = cv2.getNumThreads()
    results = []
    try:
        for number in (1, 2):
            cv2.setNumThreads(number)
            results.append(measure_vessels(*drive_mask).values)
    finally:
        cv2.setNumThreads(threads)
    assert results[0] == results[1]
