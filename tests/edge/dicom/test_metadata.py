"""Eye, pixel size and identifiers of DICOM files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from edgeseg.imaging.arrays import Photo
from edgeseg.measures.spacing import Spacing, um_per_px

pydicom = pytest.importorskip("pydicom", reason="needs the extra 'dicom'")

from edgeseg.dicom.frame import DicomFrame  # noqa: E402
from edgeseg.dicom.instance import read_instance  # noqa: E402
from edgeseg.dicom.metadata import read_eye, read_identifiers, read_spacing  # noqa: E402

Maker: TypeAlias = Callable[..., bytes]

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@pytest.fixture
def frame_of(make_dicom: Maker, photo: Photo) -> Callable[..., DicomFrame]:
    """Function that returns the first frame of a file with some elements."""
    return lambda **elements: DicomFrame(read_instance(make_dicom(photo, **elements)))


@pytest.mark.parametrize(
    ("elements", "eye"),
    [
        ({}, None),
        ({"ImageLaterality": "L"}, "left"),
        ({"Laterality": "R"}, "right"),
        ({"ImageLaterality": "L", "Laterality": "R"}, "left"),
        ({"ImageLaterality": "B"}, None),
        ({"ImageLaterality": "B", "Laterality": "R"}, None),
        ({"ImageLaterality": ""}, None),
        ({"ImageLaterality": "X"}, None),
    ],
)
def test_eye_of_image_takes_precedence_over_series(
    frame_of: Callable[..., DicomFrame], elements: dict[str, object], eye: str | None
) -> None:
    assert read_eye(frame_of(**elements)) == eye


def test_eye_is_read_for_each_frame(make_dicom: Maker, photo: Photo) -> None:
    groups = []
    for laterality in ("R", "L"):
        anatomy, group = pydicom.Dataset(), pydicom.Dataset()
        anatomy.FrameLaterality = laterality
        group.FrameAnatomySequence = [anatomy]
        groups.append(group)
    data = make_dicom(
        np.stack([photo, photo]), PerFrameFunctionalGroupsSequence=groups, ImageLaterality="R"
    )
    instance = read_instance(data)
    assert [read_eye(DicomFrame(instance, number)) for number in (1, 2)] == ["right", "left"]


@pytest.mark.parametrize(
    ("elements", "spacing"),
    [
        ({"PixelSpacing": [0.012, 0.011]}, Spacing(12, 11, "dicom_nominal")),
        (
            {"PixelSpacing": [0.012, 0.011], "PixelSpacingCalibrationType": "FIDUCIAL"},
            Spacing(12, 11, "dicom"),
        ),
        (
            {"PixelSpacing": [0.01, 0.01], "sop_class": SECONDARY_CAPTURE},
            Spacing(10, 10, "dicom"),
        ),
        (
            {"NominalScannedPixelSpacing": [0.01, 0.01], "sop_class": SECONDARY_CAPTURE},
            Spacing(10, 10, "dicom_nominal"),
        ),
        ({"PixelSpacing": [0, 0]}, None),
        ({"PixelSpacing": [-0.01, 0.01]}, None),
        ({"PixelSpacing": ""}, None),
        ({"PixelSpacing": "0.01"}, None),
        ({}, None),
    ],
)
def test_spacing_is_in_micrometres_with_its_origin(
    frame_of: Callable[..., DicomFrame], elements: dict[str, object], spacing: Spacing | None
) -> None:
    assert read_spacing(frame_of(**elements)) == spacing


def test_spacing_of_a_300_mm_wide_eye_is_implausible(
    frame_of: Callable[..., DicomFrame],
) -> None:
    spacing = read_spacing(frame_of(PixelSpacing=[1.5, 1.5]))
    assert um_per_px(spacing, diameter=200) == (None, "implausible")


def test_identifiers_are_decoded_by_character_set(frame_of: Callable[..., DicomFrame]) -> None:
    frame = frame_of(SpecificCharacterSet="ISO_IR 100", PatientID="Jos\xe9")
    identifiers = read_identifiers(frame.instance.dataset)
    assert identifiers["patient_id"] == "Jos\xe9"
    assert identifiers["study_instance_uid"]


def test_missing_identifier_is_null(frame_of: Callable[..., DicomFrame]) -> None:
    assert read_identifiers(frame_of(PatientID=None).instance.dataset)["patient_id"] is None
