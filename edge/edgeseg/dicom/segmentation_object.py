"""Vessels as a binary Segmentation object with one segment."""

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import SecondaryCaptureImageStorage
from pydicom.valuerep import DSfloat

from edgeseg.dicom.source import CHARACTER_SET, DicomSource, ResultIdentity
from edgeseg.dicom.values import read_text
from edgeseg.imaging.arrays import Mask
from edgeseg.measures.spacing import Spacing

SEGMENT_LABEL = "Retinal vessel"
SERIES_NUMBER = 9001
_SMALL_SIDE = 8  # pixels
SERIES_DESCRIPTION = "Retinal vessels, segmentation"


def build_segmentation(source: DicomSource, mask: Mask, spacing: Spacing | None) -> Segmentation:
    """Return the vessels as a Segmentation object in a new series of the same study.

    Args:
        source: photograph.
        mask: (H, W) uint8 {0, 255}.
        spacing: size of a pixel, if known.
    """
    # highdicom requires several copies of the mask. Therefore the object is built for a small mask.
    small = np.zeros((1, _SMALL_SIDE, _SMALL_SIDE), np.uint8)
    image = _planar_image(source, spacing)
    image.Rows = image.Columns = _SMALL_SIDE
    segmentation = Segmentation(
        source_images=[image],
        pixel_array=small,
        segmentation_type="BINARY",
        segment_descriptions=[_describe_segment(source.identity)],
        series_instance_uid=source.series_uid("segmentation"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=source.instance_uid("segmentation"),
        instance_number=source.instance_number,
        manufacturer="edgeseg",
        manufacturer_model_name=source.identity.model,
        software_versions=source.identity.version,
        device_serial_number=source.identity.model_sha256,
        content_label="RETINAL_VESSELS",
        content_description="Retinal vessels",
        series_description=SERIES_DESCRIPTION,
        omit_empty_frames=False,
        specific_character_set=CHARACTER_SET,
    )
    segmentation.Rows, segmentation.Columns = mask.shape
    bits = np.packbits(mask.ravel(), bitorder="little").tobytes()
    segmentation.PixelData = bits + b"\0" * (len(bits) % 2)
    segmentation.PatientOrientation = None
    _refer_to_source(segmentation, source)
    return segmentation


def _planar_image(source: DicomSource, spacing: Spacing | None) -> Dataset:
    """Return the source in the form that highdicom requires for an image without a position.

    highdicom requires a position for an image with a frame of reference, and functional groups for
    the ophthalmic SOP classes. Most cameras write neither.
    """
    image = source.dataset.copy()
    image.SOPClassUID = SecondaryCaptureImageStorage
    image.pop("FrameOfReferenceUID", None)
    if spacing is not None:
        image.PixelSpacing = [
            DSfloat(spacing.row_um / 1000, auto_format=True),
            DSfloat(spacing.column_um / 1000, auto_format=True),
        ]
    return image


def _refer_to_source(segmentation: Segmentation, source: DicomSource) -> None:
    """Store references to the source: SOP class, frame number and frame of reference."""
    for series in segmentation.ReferencedSeriesSequence:
        for instance in series.ReferencedInstanceSequence:
            instance.ReferencedSOPClassUID = source.frame.instance.sop_class
    for group in segmentation.PerFrameFunctionalGroupsSequence:
        for derivation in group.DerivationImageSequence:
            for image in derivation.SourceImageSequence:
                image.ReferencedSOPClassUID = source.frame.instance.sop_class
                if source.is_multiframe:
                    image.ReferencedFrameNumber = source.frame.number
    frame_of_reference = read_text(source.dataset, "FrameOfReferenceUID")
    if frame_of_reference:
        segmentation.FrameOfReferenceUID = frame_of_reference
        segmentation.PositionReferenceIndicator = None


def identify_algorithm(identity: ResultIdentity) -> AlgorithmIdentificationSequence:
    """Return the name, version and model of the algorithm."""
    return AlgorithmIdentificationSequence(
        name="edgeseg",
        family=codes.DCM.ArtificialIntelligence,
        version=identity.version,
        source="edgeseg",
        parameters={
            "model": identity.model,
            "model_sha256": identity.model_sha256,
            "threshold": f"{identity.threshold:g}",
        },
    )


def _describe_segment(identity: ResultIdentity) -> SegmentDescription:
    return SegmentDescription(
        segment_number=1,
        segment_label=SEGMENT_LABEL,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=codes.SCT.BloodVessel,
        algorithm_type="AUTOMATIC",
        algorithm_identification=identify_algorithm(identity),
        anatomic_regions=[codes.SCT.Retina],
    )
