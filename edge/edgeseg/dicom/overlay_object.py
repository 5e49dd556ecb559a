"""Overlay as Secondary Capture, for viewers that do not show segmentations."""

from datetime import datetime

from highdicom.base import SOPClass
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sr.codedict import codes
from pydicom.uid import JPEGBaseline8Bit, SecondaryCaptureImageStorage

from edgeseg.dicom.metadata import LATERALITIES
from edgeseg.dicom.source import CHARACTER_SET, DicomSource
from edgeseg.dicom.values import read_text
from edgeseg.measures.eye import Eye

SERIES_NUMBER = 9002
SERIES_DESCRIPTION = "Retinal vessels, overlay"


def build_overlay(
    source: DicomSource, jpeg: bytes, size: tuple[int, int], eye: Eye | None
) -> SOPClass:
    """Return an overlay as Secondary Capture in a new series of the same study.

    Args:
        source: photograph.
        jpeg: overlay as a baseline JPEG in YCbCr.
        size: height and width in pixels.
        eye: eye of the photograph, if known.
    """
    now = datetime.now()
    capture = SOPClass(
        study_instance_uid=read_text(source.dataset, "StudyInstanceUID"),
        series_instance_uid=source.series_uid("overlay"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=source.instance_uid("overlay"),
        sop_class_uid=SecondaryCaptureImageStorage,
        instance_number=source.instance_number,
        modality=source.modality,
        manufacturer="edgeseg",
        manufacturer_model_name=source.identity.model,
        software_versions=source.identity.version,
        transfer_syntax_uid=JPEGBaseline8Bit,
        series_description=SERIES_DESCRIPTION,
        content_date=now.date(),
        content_time=now.time(),
        specific_character_set=CHARACTER_SET,
    )
    capture.copy_patient_and_study_information(source.dataset)
    capture.ConversionType = "WSD"
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.PatientOrientation = None
    if eye is None:
        capture.Laterality = None
    else:  # set per image, because the photographs of a series may show different eyes
        capture.ImageLaterality = LATERALITIES[eye]
    annotation = read_text(source.frame.instance.dataset, "BurnedInAnnotation")
    if annotation in {"YES", "NO"}:
        capture.BurnedInAnnotation = annotation
    capture.DerivationDescription = (
        f"Vessels marked by edgeseg {source.identity.version}, model {source.identity.model}"
    )
    capture.SourceImageSequence = [_reference(source)]
    capture.Rows, capture.Columns = size
    capture.SamplesPerPixel = 3
    capture.PhotometricInterpretation = "YBR_FULL_422"
    capture.PlanarConfiguration = 0
    capture.BitsAllocated = capture.BitsStored = 8
    capture.HighBit = 7
    capture.PixelRepresentation = 0
    capture.LossyImageCompression = "01"
    capture.LossyImageCompressionMethod = "ISO_10918_1"
    capture.LossyImageCompressionRatio = f"{3 * size[0] * size[1] / len(jpeg):.2f}"
    capture.PixelData = encapsulate([jpeg])
    capture["PixelData"].VR = "OB"
    return capture


def _reference(source: DicomSource) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = source.frame.instance.sop_class
    reference.ReferencedSOPInstanceUID = read_text(source.dataset, "SOPInstanceUID")
    if source.is_multiframe:
        reference.ReferencedFrameNumber = source.frame.number
    purpose = codes.DCM.SourceImageForImageProcessingOperation
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = purpose.value, purpose.scheme_designator
    code.CodeMeaning = purpose.meaning
    reference.PurposeOfReferenceCodeSequence = [code]
    return reference
