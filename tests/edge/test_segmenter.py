"""Segmenter: results and arguments."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

import edgeseg
from edgeseg import Segmenter
from edgeseg.errors import PhotoError, SystemSetupError, UsageError
from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.imaging.photo import decode_photo, read_mask, read_photo
from edgeseg.measures import Spacing
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.quality import assess_quality
from edgeseg.run.results.provenance import is_foreign
from edgeseg.segmentation import join_masks
from edgeseg.synthetic import SyntheticPhoto, generate_photo


@pytest.fixture(scope="module")
def segmenter(tiny_model: Path) -> Segmenter:
    return Segmenter(tiny_model, threads=1)


def test_segment_returns_mask_and_probability_at_photo_size(
    segmenter: Segmenter, drawn: SyntheticPhoto
) -> None:
    before = drawn.photo.copy()
    found = segmenter.segment(drawn.photo)
    assert np.array_equal(drawn.photo, before)
    assert np.array_equal(found.photo, before)
    assert found.mask.shape == (260, 300)
    assert found.mask.dtype == np.uint8
    assert set(np.unique(found.mask)) <= {0, 255}
    assert found.probability.shape == (260, 300)
    assert found.probability.dtype == np.float32
    assert found.probability.min() >= 0
    assert found.probability.max() <= 1
    assert found.fov.mask.shape == (260, 300)


def test_segmentation_has_one_field_with_quality(
    segmenter: Segmenter, drawn: SyntheticPhoto
) -> None:
    found = segmenter.segment(drawn.photo)
    (result,) = found.fields
    assert result.probability.shape == (128, 128)
    assert result.quality == found.quality == assess_quality(drawn.photo, found.fov)
    assert result.vessel_density == found.vessel_density
    assert len(repr(found)) < 1000


def test_segmentation_records_describe_photograph_and_model(
    segmenter: Segmenter, drawn: SyntheticPhoto, tiny_model: Path
) -> None:
    (record,) = segmenter.segment(drawn.photo).records("visit/eye.png")
    assert (record.source, record.frame, record.fov_index) == ("visit/eye.png", 1, 1)
    assert (record.width, record.height, record.status) == (300, 260, "ok")
    assert record.model_sha256 == hashlib.sha256(tiny_model.read_bytes()).hexdigest()
    assert record.provider == segmenter.provider


def test_segmentation_save_writes_mask_and_overlay(
    segmenter: Segmenter, drawn: SyntheticPhoto, tmp_path: Path
) -> None:
    found = segmenter.segment(drawn.photo)
    mask, overlay = found.save(tmp_path / "new", "eye")
    assert mask.name == "eye_vessels.png"
    assert np.array_equal(read_mask(mask), found.mask)
    assert overlay.name == "eye_overlay.jpg"
    assert np.array_equal(read_photo(overlay), decode_photo(encode_jpeg(found.overlay())))
    assert not is_foreign(mask) and not is_foreign(overlay)  # `run` may replace them


def test_segment_two_fields_gives_mask_and_record_of_both(segmenter: Segmenter) -> None:
    first, second = generate_photo(0, 240).photo, generate_photo(1, 240).photo
    found = segmenter.segment(np.hstack([first, second]))
    assert len(found.fields) == 2
    for part, photo in ((found.mask[:, :240], first), (found.mask[:, 240:], second)):
        alone = segmenter.segment(photo).mask > 0
        both = np.count_nonzero((part > 0) & alone)
        assert 2 * both > 0.97 * (np.count_nonzero(part) + np.count_nonzero(alone))
    records = found.records("pair.png")
    assert [(record.fov_index, record.fov_count) for record in records] == [(1, 2), (2, 2)]
    assert records[0].fov_x is not None
    assert records[1].fov_x is not None
    assert records[0].fov_x < records[1].fov_x


def test_segment_overlapping_fields_gives_one_record_with_warning(segmenter: Segmenter) -> None:
    eye = generate_photo(0, 240).photo
    image = np.zeros((240, 400, 3), np.uint8)
    image[:, :240] = eye
    image[:, 160:] = np.maximum(image[:, 160:], eye)
    (record,) = segmenter.segment(image).records()
    assert "several_fields" in record.warnings
    assert record.fov_count == 1


def test_segmentation_records_of_red_free_photograph_have_a_warning(
    segmenter: Segmenter, drawn: SyntheticPhoto
) -> None:
    red_free = np.repeat(drawn.photo[:, :, 1:2], 3, axis=2)
    (record,) = segmenter.segment(red_free).records()
    assert record.warnings == ("not_a_colour_photograph",)
    assert segmenter.segment(drawn.photo).records()[0].warnings == ()


def test_segmentation_records_with_measures_contain_measurements() -> None:
    found = Segmenter(runtime="onnxruntime", threads=1).segment(generate_photo(5, 300).photo)
    (record,) = found.records("eye.png", measures=True, spacing=Spacing(20, 20), eye="left")
    (measured,) = found.measures(Spacing(20, 20), "left")
    assert record.measures_status == "ok"
    assert record.measures == measured.values
    assert record.vessel_density == measured.vessel_density
    assert (record.eye, record.eye_source) == ("left", "option")
    assert (record.um_per_px, record.um_per_px_status) == (20, "ok")
    assert found.records()[0].measures_status is msgspec.UNSET
    with pytest.raises(UsageError, match="measures"):
        found.records(eye="left")


def test_segmentation_records_of_low_quality_field_are_not_measured(segmenter: Segmenter) -> None:
    dark = np.asarray(generate_photo(5, 300).photo * 0.3, np.uint8)
    found = segmenter.segment(dark)
    (record,) = found.records(measures=True)
    assert record.measures_status == "ungradable"
    assert record.measures is None
    assert found.measures()[0].status != "ungradable"


def test_join_masks_of_two_fields_covers_both(segmenter: Segmenter, drawn: SyntheticPhoto) -> None:
    (result,) = segmenter.segment(drawn.photo).inferred
    other = replace(result, mask=np.flipud(result.mask))
    joined = join_masks((result, other))
    assert np.array_equal(joined > 0, (result.mask > 0) | (other.mask > 0))


def test_segmenter_shared_by_threads_returns_the_mask_of_each_call(segmenter: Segmenter) -> None:
    photos = [generate_photo(seed, 300).photo for seed in range(4)]
    expected = [segmenter.segment(photo).mask for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        masks = list(pool.map(lambda k: segmenter.segment(photos[k % 4]).mask, range(80)))
    for number, mask in enumerate(masks):
        assert np.array_equal(mask, expected[number % 4])


def test_segmentation_mask_probability_and_density_agree(
    segmenter: Segmenter, drawn: SyntheticPhoto
) -> None:
    found = segmenter.segment(drawn.photo)
    inside = found.fov.mask > 0
    assert found.threshold == 0.5
    assert np.array_equal(found.mask > 0, inside & (found.probability >= np.float32(0.5)))
    assert (
        0 < (found.mask > 0).sum() < inside.sum()
    )  # otherwise the next assertion would always pass
    assert not found.probability[~inside].any()
    assert found.vessel_density == pytest.approx((found.mask > 0).sum() / inside.sum())
    assert found.probability is found.probability
    assert set(found.timings) == {"decode", "field_of_view", "preprocess", "infer", "postprocess"}
    assert all(isinstance(lap, float) and lap >= 0 for lap in found.timings.values())


def test_segment_path_bytes_and_array_give_equal_masks(
    segmenter: Segmenter, drawn: SyntheticPhoto, tmp_path: Path
) -> None:
    data, file = encode_png(drawn.photo), tmp_path / "fundus.png"
    file.write_bytes(data)
    expected = segmenter.segment(drawn.photo).mask
    for photo in (data, file, str(file)):
        assert np.array_equal(segmenter.segment(photo).mask, expected)


def test_segment_non_contiguous_view_gives_equal_probability(
    segmenter: Segmenter, drawn: SyntheticPhoto
) -> None:
    bgr = np.ascontiguousarray(drawn.photo[..., ::-1])
    first, second = segmenter.segment(drawn.photo), segmenter.segment(bgr[..., ::-1])
    assert np.array_equal(first.probability, second.probability)


def test_segment_higher_threshold_marks_fewer_pixels(
    tiny_model: Path, drawn: SyntheticPhoto
) -> None:
    masks = [
        Segmenter(tiny_model, threads=1, threshold=t).segment(drawn.photo).mask > 0
        for t in (0, 0.5, 1)
    ]
    assert masks[0].sum() > masks[1].sum() > masks[2].sum()
    assert not (masks[1] & ~masks[0]).any()


def test_segment_threshold_0_fills_field_of_view(tiny_model: Path, drawn: SyntheticPhoto) -> None:
    found = Segmenter(tiny_model, threads=1, threshold=0).segment(drawn.photo)
    assert np.array_equal(found.mask, found.fov.mask)


def test_segment_given_field_of_view_is_used(segmenter: Segmenter, drawn: SyntheticPhoto) -> None:
    fov = segmenter.segment(drawn.photo).fov
    assert segmenter.segment(drawn.photo, fov=fov).fov is fov
    with pytest.raises(UsageError, match="260"):
        segmenter.segment(drawn.photo[1:], fov=fov)


@pytest.mark.parametrize("name", ["Segmenter", "Segmentation"])
def test_package_exports_class(name: str) -> None:
    assert name in edgeseg.__all__
    assert isinstance(getattr(edgeseg, name), type)


@pytest.mark.parametrize("threads", [0, -2])
def test_segmenter_threads_below_1_raise_usage_error(tiny_model: Path, threads: int) -> None:
    with pytest.raises(UsageError, match="threads"):
        Segmenter(tiny_model, threads=threads)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_segmenter_threshold_outside_0_to_1_raises_usage_error(
    tiny_model: Path, threshold: float
) -> None:
    with pytest.raises(UsageError, match="threshold"):
        Segmenter(tiny_model, threshold=threshold)


def test_segmenter_unknown_runtime_lists_installed_runtimes(tiny_model: Path) -> None:
    with pytest.raises(SystemSetupError, match="onnxruntime"):
        Segmenter(tiny_model, runtime="tpu")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "photo",
    [
        b"",
        b"not an image",
        "no/such/file.png",
        np.zeros((64, 64, 3), np.uint8),
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
    ],
    ids=["empty", "text", "no file", "black", "grey", "float", "no pixels"],
)
def test_segment_invalid_photograph_raises_one_line_photo_error(
    segmenter: Segmenter, photo: bytes | str
) -> None:
    with pytest.raises(PhotoError) as error:
        segmenter.segment(photo, "the third frame")
    assert "\n" not in str(error.value)
    assert ("the third frame" if not isinstance(photo, str) else photo) in str(error.value)


@pytest.mark.parametrize(
    "how",
    [
        PreprocessingConfig(128),
        PreprocessingConfig(128, fov="none", crop="frame", fit="stretch"),
        PreprocessingConfig(
            128,
            fov="grey10",
            crop="frame",
            contrast="clahe",
            contrast_at="before",
            mean=(0.4, 0.3, 0.2),
        ),
    ],
    ids=["plain", "frame", "before"],
)
def test_segment_with_other_preprocessing_gives_mask_at_photo_size(
    make_model: Callable[[str, PreprocessingConfig], Path],
    drawn: SyntheticPhoto,
    how: PreprocessingConfig,
) -> None:
    found = Segmenter(make_model("other", how), threads=1).segment(drawn.photo)
    assert found.mask.shape == (260, 300)
    assert (how.fov == "none") == bool(found.fov.mask.all())


def test_with_threshold_gives_mask_of_new_segmenter(
    segmenter: Segmenter, tiny_model: Path, drawn: SyntheticPhoto
) -> None:
    default = segmenter.threshold
    other = segmenter.with_threshold(0.45)
    expected = Segmenter(tiny_model, threads=1, threshold=0.45).segment(drawn.photo)
    assert np.array_equal(other.segment(drawn.photo).mask, expected.mask)
    assert (other.threshold, segmenter.threshold) == (0.45, default)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_with_threshold_rejects_invalid_threshold(segmenter: Segmenter, threshold: float) -> None:
    with pytest.raises(UsageError):
        segmenter.with_threshold(threshold)
