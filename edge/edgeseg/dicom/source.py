"""Source of DICOM results: attributes and references of the photograph's file."""

import re
import uuid
from contextlib import suppress
from typing import NamedTuple

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import validate_value

from edgeseg.dicom.frame import DicomFrame
from edgeseg.dicom.values import read_integer, read_text
from edgeseg.errors import PhotoError

CHARACTER_SET = "ISO_IR 192"
"""Character set of results: UTF-8."""

_COPIED_GROUPS = frozenset({0x0008, 0x0010, 0x0012, 0x0020, 0x0032, 0x0040})
# Lossy Image Compression with its ratio and method: derived images must also contain these
# attributes.
_LOSSY_COMPRESSION = frozenset({0x00282110, 0x00282112, 0x00282114})
_REQUIRED = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_UID = re.compile(r"[0-9.]{1,64}")
# Value representations that are checked. Other values identify the patient and are copied even if
# they are invalid.
_CHECKED_VRS = frozenset({"AS", "DA", "DS", "DT", "IS", "TM", "UI"})
# Attributes that are required in a result, but may be empty.
_MAY_BE_EMPTY = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
_UID_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "edgeseg/dicom")
_MAX_INSTANCE_NUMBER = 2**31 - 1


class ResultIdentity(NamedTuple):
    """Identity of a result, which depends on the model and the options.

    Attributes:
        model: name of the model file.
        model_sha256: SHA-256 of the model file.
        options: SHA-256 of the options that affect the result.
        threshold: vessel probability threshold.
        version: version of edgeseg.
    """

    model: str
    model_sha256: str
    options: str
    threshold: float
    version: str


class DicomSource(NamedTuple):
    """Frame of a DICOM file as the source of results.

    Attributes:
        frame: frame of the file.
        dataset: copied attributes of patient, study, series and photograph.
        identity: model and options of the results.
    """

    frame: DicomFrame
    dataset: Dataset
    identity: ResultIdentity

    @property
    def is_multiframe(self) -> bool:
        """True if the file has several frames. Results then also refer to the frame number."""
        return self.frame.instance.layout.frames > 1

    @property
    def modality(self) -> str:
        """Modality of the photograph."""
        return read_text(self.dataset, "Modality") or "OT"

    @property
    def instance_number(self) -> int:
        """Instance Number of the results: the photograph's number plus the frame number minus 1."""
        stated = read_integer(self.dataset, "InstanceNumber") or 1
        return min(max(stated, 1) + self.frame.number - 1, _MAX_INSTANCE_NUMBER)

    def instance_uid(self, kind: str) -> str:
        """Return the SOP Instance UID of a result. Equal inputs and options give equal UIDs."""
        source = read_text(self.dataset, "SOPInstanceUID")
        return _derive_uid(
            kind,
            source,
            str(self.frame.number),
            self.identity.model_sha256,
            self.identity.options,
        )

    def series_uid(self, kind: str) -> str:
        """Return the UID of the series that contains the results of this kind.

        The UID does not depend on the options, because the photographs of a series may have
        different options.
        """
        return _derive_uid(
            kind,
            read_text(self.dataset, "SeriesInstanceUID"),
            self.identity.model_sha256,
            f"{self.identity.threshold:g}",
            self.identity.version,
        )


def check_uids(dataset: Dataset, name: str) -> None:
    """Check that a file contains the UIDs to which results refer.

    Args:
        dataset: data set of the file.
        name: name of the photograph in the error message.

    Raises:
        PhotoError: A UID is missing.
    """
    missing = [keyword for keyword in _REQUIRED if not _UID.fullmatch(read_text(dataset, keyword))]
    if missing:
        raise PhotoError(
            f"{name}: a DICOM result cannot refer to a file without a valid {', '.join(missing)}. "
            "Export the photograph again.",
            "not_dicom",
        )


def open_source(frame: DicomFrame, identity: ResultIdentity, name: str) -> DicomSource:
    """Return a frame as the source of results, with a copy of the attributes that they require.

    Args:
        frame: frame of a DICOM file.
        identity: model and options of the results.
        name: name of the photograph in error messages.

    Raises:
        PhotoError: The file lacks a UID to which results refer.
    """
    original = frame.instance.dataset
    check_uids(original, name)
    copied = Dataset()
    for tag in tuple(original.keys()):
        if tag.group in _COPIED_GROUPS or tag in _LOSSY_COMPRESSION:
            with suppress(Exception):  # pydicom raises various exceptions for damaged elements
                element = original[tag]
                _check_value(element)
                copied.add(element)
    for keyword in _REQUIRED:
        setattr(copied, keyword, read_text(original, keyword))
    for keyword in _MAY_BE_EMPTY:
        if keyword not in copied:
            setattr(copied, keyword, None)
    copied.SOPClassUID = frame.instance.sop_class
    copied.Rows, copied.Columns = frame.instance.layout.rows, frame.instance.layout.columns
    return DicomSource(frame, copied, identity)


def _check_value(element: DataElement) -> None:
    """Raise ValueError if a date, time, number or UID is invalid."""
    if element.VR in _CHECKED_VRS:
        values = element.value if isinstance(element.value, MultiValue) else [element.value]
        for value in values:
            if value not in (None, ""):
                validate_value(element.VR, str(value), config.RAISE)


def _derive_uid(*parts: str) -> str:
    return f"2.25.{uuid.uuid5(_UID_NAMESPACE, '/'.join(parts)).int}"
