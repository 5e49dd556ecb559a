"""DICOM results: read with pydicom and highdicom, and checked with dciodvfy."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from edgeseg.errors import PhotoError
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.encoder import encode_jpeg
from edgeseg.imaging.photo import decode_photo
from edgeseg.run.results.columns import columns

pydicom = pytest.importorskip("pydicom", reason="needs the extra 'dicom'")
hd = pytest.importorskip("highdicom", reason="needs the extra 'dicom'")

from edgeseg.dicom.encoder import encode_dicom  # noqa: E402
from edgeseg.dicom.frame import DicomFrame  # noqa: E402
from edgeseg.dicom.instance import read_instance  # noqa: E402
from edgeseg.dicom.metadata import read_eye, read_spacing  # noqa: E402
from edgeseg.dicom.overlay_object import build_overlay  # noqa: E402
from edgeseg.dicom.private_text import is_intact_dicom, read_private_text  # noqa: E402
from edgeseg.dicom.report import ReportedField, ReportedFigure, build_report  # noqa: E402
from edgeseg.dicom.segmentation_object import build_segmentation  # noqa: E402
from edgeseg.dicom.source import DicomSource, ResultIdentity, open_source  # noqa: E402

Maker: TypeAlias = Callable[..., bytes]
SourceMaker: TypeAlias = Callable[..., DicomSource]

IDENTITY = ResultIdentity("lean.fp32", "ab" * 32, "cd" * 32, 0.5, "1.2.3")
TRUE_COLOUR_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.4"
TEXTS = {"edgeseg:photograph": "12" * 32, "edgeseg:model": "ab" * 32}
# Errors that dciodvfy reports for correct objects. Ophthalmic Photography and Multi-frame True
# Color Secondary Capture have frames, but the list of multi-frame classes in dciodvfy does not
# contain them.
ACCEPTED = {
    "Error - Shall not be present for Referenced SOP Class that is not multi-frame"
    " - attribute <ReferencedFrameNumber>"
}


@pytest.fixture
def make_source(make_dicom: Maker, photo: Photo) -> SourceMaker:
    """Function that returns the source with given elements, and frame 2 of a multi-frame file."""

    def make(identity: ResultIdentity = IDENTITY, frames: int = 1, **elements: object) -> Any:
        samples = photo if frames == 1 else np.stack([photo] * frames)
        if frames > 1:
            elements.setdefault("sop_class", TRUE_COLOUR_CAPTURE)
        frame = DicomFrame(read_instance(make_dicom(samples, **elements)), min(frames, 2))
        return open_source(frame, identity, "photograph")

    return make


@pytest.fixture
def mask() -> Mask:
    """Vessels of a photograph of 200 x 200 pixels."""
    mask = np.zeros((200, 200), np.uint8)
    mask[50:150, 90:97] = 255
    return mask


def build_all(source: DicomSource, photo: Photo, mask: Mask) -> dict[str, Any]:
    figures = [
        ReportedFigure("vessel_density", "Share of vessel pixels.", "", 0.035),
        ReportedFigure("width_mean_um", "Mean width.", "um", 81.25),
        ReportedFigure("skeleton_density_per_px", "Length per area.", "1/px", 0.00123),
    ]
    return {
        "seg": build_segmentation(source, mask, read_spacing(source.frame)),
        "sc": build_overlay(source, encode_jpeg(photo), (200, 200), read_eye(source.frame)),
        "sr": build_report(source, [ReportedField(1, figures)], "left"),
    }


def write_all(source: DicomSource, photo: Photo, mask: Mask, folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for name, dataset in build_all(source, photo, mask).items():
        files[name] = folder / f"{name}.dcm"
        files[name].write_bytes(encode_dicom(dataset, TEXTS))
    return files


def test_segmentation_contains_mask_segment_and_algorithm(
    make_source: SourceMaker, photo: Photo, mask: Mask, tmp_path: Path
) -> None:
    path = write_all(make_source(), photo, mask, tmp_path)["seg"]
    segmentation = hd.seg.segread(path)
    assert segmentation.SegmentationType == "BINARY"
    assert np.array_equal(segmentation.pixel_array.squeeze() * 255, mask)
    (segment,) = segmentation.SegmentSequence
    assert segment.SegmentLabel == "Retinal vessel"
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Blood Vessel"
    assert segment.AnatomicRegionSequence[0].CodeMeaning == "Retina"
    (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("edgeseg", "1.2.3")
    assert IDENTITY.model_sha256 in algorithm.AlgorithmParameters


@pytest.mark.parametrize("frames", [1, 3])
def test_results_refer_to_source(
    make_source: SourceMaker, photo: Photo, mask: Mask, frames: int
) -> None:
    source = make_source(frames=frames)
    results = build_all(source, photo, mask)
    original = source.frame.instance.dataset
    for result in results.values():
        assert result.StudyInstanceUID == original.StudyInstanceUID
        assert result.SeriesInstanceUID != original.SeriesInstanceUID
        assert (result.PatientID, str(result.PatientName)) == ("P1", "Doe^Jane")
        assert result.Manufacturer == "edgeseg"
    assert len({result.SeriesInstanceUID for result in results.values()}) == 3
    (series,) = results["seg"].ReferencedSeriesSequence
    assert series.SeriesInstanceUID == original.SeriesInstanceUID
    (group,) = results["seg"].PerFrameFunctionalGroupsSequence
    (image,) = group.DerivationImageSequence[0].SourceImageSequence
    references = [series.ReferencedInstanceSequence[0], image, results["sc"].SourceImageSequence[0]]
    for reference in references:
        assert reference.ReferencedSOPClassUID == original.SOPClassUID
        assert reference.ReferencedSOPInstanceUID == original.SOPInstanceUID
    for reference in references[1:]:
        assert reference.get("ReferencedFrameNumber") == (2 if frames > 1 else None)


def test_overlay_shows_its_pixels(
    make_source: SourceMaker, photo: Photo, mask: Mask, tmp_path: Path
) -> None:
    path = write_all(
        make_source(ImageLaterality="L", BurnedInAnnotation="YES"), photo, mask, tmp_path
    )["sc"]
    overlay = pydicom.dcmread(path)
    assert overlay.SOPClassUID.name == "Secondary Capture Image Storage"
    assert overlay.ImageLaterality == "L"
    assert overlay.BurnedInAnnotation == "YES"
    assert np.array_equal(decode_photo(path.read_bytes()), decode_photo(encode_jpeg(photo)))
    assert overlay.pixel_array.shape == (200, 200, 3)


def test_report_contains_measurements_with_units(
    make_source: SourceMaker, photo: Photo, mask: Mask, tmp_path: Path
) -> None:
    path = write_all(make_source(), photo, mask, tmp_path)["sr"]
    report = hd.sr.srread(path)
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    (group,) = report.content.get_image_measurement_groups()
    values = {one.name.value: (one.value, one.unit.value) for one in group.get_measurements()}
    assert values == {
        "vessel_density": (0.035, "1"),
        "width_mean_um": (81.25, "um"),
        "skeleton_density_per_px": (0.00123, "/{pixels}"),
    }
    (site,) = group.finding_sites
    assert site.value.meaning == "Retina"


def test_report_contains_unit_of_each_measurement(make_source: SourceMaker, tmp_path: Path) -> None:
    lengths = ("px", "px^2", "mm", "mm^2", "um")
    measured = [one for one in columns() if one.unit.endswith(lengths)]
    assert {"px", "um", "1/px", "1/mm", "1/px^2", "1/mm^2"} <= {one.unit for one in measured}
    figures = [ReportedFigure(one.name, one.definition, one.unit, 2.5) for one in measured]
    report = build_report(make_source(), [ReportedField(1, figures)], None)
    path = tmp_path / "report.dcm"
    path.write_bytes(encode_dicom(report, TEXTS))
    (group,) = hd.sr.srread(path).content.get_image_measurement_groups()
    units = {one.name.value: one.unit.value for one in group.get_measurements()}
    assert [name for name, unit in units.items() if unit == "1"] == []
    assert units["branching_point_density_per_mm2"] == "/mm2"
    assert units["branching_point_density_per_px2"] == "/{pixels2}"


def test_segmentation_of_lossy_photograph_reports_compression(
    make_source: SourceMaker, mask: Mask
) -> None:
    source = make_source(LossyImageCompression="01", LossyImageCompressionRatio="12.5")
    assert build_segmentation(source, mask, None).LossyImageCompression == "01"
    assert build_segmentation(make_source(), mask, None).LossyImageCompression == "00"


def test_uids_depend_on_input_and_model(
    make_source: SourceMaker,
) -> None:
    uids = {make_source().instance_uid("seg"), make_source().instance_uid("seg")}
    assert len(uids) == 1
    other = make_source(IDENTITY._replace(model_sha256="ef" * 32))
    uids |= {other.instance_uid("seg"), make_source(frames=2).instance_uid("seg")}
    uids |= {make_source().instance_uid("sr"), make_source().series_uid("seg")}
    assert len(uids) == 5
    for uid in uids:
        assert re.fullmatch(r"2\.25\.[1-9][0-9]*", uid)
        assert len(uid) <= 64


def test_results_with_different_options_are_in_one_series(
    make_source: SourceMaker,
) -> None:
    other = make_source(IDENTITY._replace(options="ef" * 32))
    assert other.series_uid("seg") == make_source().series_uid("seg")
    assert other.instance_uid("seg") != make_source().instance_uid("seg")


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_source_without_uid_is_rejected(make_source: SourceMaker, keyword: str) -> None:
    with pytest.raises(PhotoError, match=keyword) as caught:
        make_source(**{keyword: ""})
    assert caught.value.code == "not_dicom"


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"PixelSpacing": [0.011, 0.011], "ImageLaterality": "R"},
        {"PixelSpacing": "", "PupilDilated": "", "StudyDate": "", "PatientSex": ""},
        {"FrameOfReferenceUID": "1.2.826.0.1.3680043.8.498.9"},
        {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "M\xfcller^J\xf6rg"},
        {
            "LossyImageCompression": "01",
            "LossyImageCompressionRatio": "12.5",
            "LossyImageCompressionMethod": "ISO_10918_1",
        },
        {"frames": 3},
        {"frames": 2, "sop_class": "1.2.840.10008.5.1.4.1.1.77.1.5.1"},
        {"InstanceNumber": "", "PatientID": None, "PatientName": None, "Modality": ""},
    ],
)
def test_results_pass_dciodvfy(
    make_source: SourceMaker, photo: Photo, mask: Mask, tmp_path: Path, elements: dict[str, Any]
) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian's dicom3tools) is not installed")
    for path in write_all(make_source(**elements), photo, mask, tmp_path).values():
        done = subprocess.run(
            ["dciodvfy", path], capture_output=True, text=True, errors="replace", timeout=60,
            check=False,
        )  # fmt: skip
        lines = (done.stdout + done.stderr).splitlines()
        errors = {line for line in lines if line.startswith("Error")}
        assert errors <= ACCEPTED, path.name


def test_patient_name_with_other_letters_is_unchanged(
    make_source: SourceMaker, photo: Photo, mask: Mask, tmp_path: Path
) -> None:
    source = make_source(SpecificCharacterSet="ISO_IR 100", PatientName="M\xfcller^J\xf6rg")
    for path in write_all(source, photo, mask, tmp_path).values():
        assert str(pydicom.dcmread(path).PatientName) == "M\xfcller^J\xf6rg"


def test_damage_of_result_is_detected(
    make_source: SourceMaker, photo: Photo, mask: Mask, tmp_path: Path
) -> None:
    path = write_all(make_source(), photo, mask, tmp_path)["seg"]
    assert read_private_text(path) == TEXTS
    assert is_intact_dicom(path)
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    assert not is_intact_dicom(path)
    path.write_bytes(data[:-200])
    assert not is_intact_dicom(path)
