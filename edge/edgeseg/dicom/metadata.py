"""Metadata of a frame: eye, size of a pixel and identifiers."""

from pydicom.dataset import Dataset

from edgeseg.dicom.frame import DicomFrame
from edgeseg.dicom.sop_classes import OPHTHALMIC_PHOTOGRAPHY
from edgeseg.dicom.values import read_items, read_numbers, read_text
from edgeseg.measures.eye import Eye
from edgeseg.measures.spacing import Spacing, SpacingSource

LATERALITIES: dict[Eye, str] = {"left": "L", "right": "R"}
"""Laterality of each eye in DICOM."""

_EYES: dict[str, Eye] = {"L": "left", "R": "right"}
_MAX_SPACING_MM = 1e6
_IDENTIFIERS = {
    "patient_id": "PatientID",
    "study_instance_uid": "StudyInstanceUID",
    "series_instance_uid": "SeriesInstanceUID",
}


def read_eye(frame: DicomFrame) -> Eye | None:
    """Return the eye of a frame, or None if it is missing or the frame shows both eyes.

    The laterality is read from the frame, the file or the series, in this order.
    """
    dataset = frame.instance.dataset
    for group in _functional_groups(frame):
        for item in read_items(group, "FrameAnatomySequence"):
            laterality = read_text(item, "FrameLaterality")
            if laterality:
                return _EYES.get(laterality)
    laterality = read_text(dataset, "ImageLaterality") or read_text(dataset, "Laterality")
    return _EYES.get(laterality)


def read_spacing(frame: DicomFrame) -> Spacing | None:
    """Return the size of a frame's pixels, or None if the file contains no valid size.

    Pixel Spacing in an Ophthalmic Photography object is nominal by definition, unless the file
    specifies how it was calibrated. The spacing of a scanned image is also nominal.
    """
    dataset, sop_class = frame.instance.dataset, frame.instance.sop_class
    is_nominal = sop_class in OPHTHALMIC_PHOTOGRAPHY
    is_nominal &= not read_text(dataset, "PixelSpacingCalibrationType")
    source: SpacingSource = "dicom_nominal" if is_nominal else "dicom"
    for group in _functional_groups(frame):
        for item in read_items(group, "PixelMeasuresSequence"):
            spacing = _spacing(item, "PixelSpacing", source)
            if spacing is not None:
                return spacing
    stated = _spacing(dataset, "PixelSpacing", source)
    return stated or _spacing(dataset, "NominalScannedPixelSpacing", "dicom_nominal")


def read_identifiers(dataset: Dataset) -> dict[str, str | None]:
    """Return the identifiers of patient, study and series as keys and values of the record."""
    identifiers: dict[str, str | None] = {}
    for key, keyword in _IDENTIFIERS.items():
        identifiers[key] = _decoded_text(dataset, keyword) or None
    return identifiers


def _functional_groups(frame: DicomFrame) -> tuple[Dataset, ...]:
    """Return the functional groups of a frame, followed by the groups shared by all frames."""
    dataset = frame.instance.dataset
    index = frame.number - 1
    own = read_items(dataset, "PerFrameFunctionalGroupsSequence")[index : index + 1]
    return (*own, *read_items(dataset, "SharedFunctionalGroupsSequence"))


def _spacing(dataset: Dataset, keyword: str, source: SpacingSource) -> Spacing | None:
    numbers = read_numbers(dataset, keyword)
    if len(numbers) != 2 or min(numbers) <= 0 or max(numbers) > _MAX_SPACING_MM:
        return None
    return Spacing(1000 * numbers[0], 1000 * numbers[1], source)


def _decoded_text(dataset: Dataset, keyword: str) -> str:
    """Return a text, decoded with the character set of the file."""
    try:
        return str(dataset.get(keyword, "")).strip()
    except Exception:  # pydicom raises various exceptions for damaged elements
        return read_text(dataset, keyword)
