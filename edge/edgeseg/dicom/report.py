"""Measurements as a structured report (Measurement Report, TID 1500)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    SourceImageForMeasurementGroup,
    TrackingIdentifier,
)
from pydicom.sr.codedict import codes

from edgeseg.dicom.source import CHARACTER_SET, DicomSource
from edgeseg.dicom.values import read_text
from edgeseg.measures.eye import Eye

SERIES_NUMBER = 9003
SERIES_DESCRIPTION = "Retinal vessels, measurements"

_SCHEME = "99EDGESEG"
_UCUM_UNITS = {
    "px": ("{pixels}", "pixels"),
    "um": ("um", "micrometer"),
    "1/px": ("/{pixels}", "per pixel"),
    "1/px^2": ("/{pixels2}", "per square pixel"),
    "1/mm": ("/mm", "per millimeter"),
    "1/mm^2": ("/mm2", "per square millimeter"),
}
_NO_UNIT = ("1", "no units")


class ReportedFigure(NamedTuple):
    """Measurement in a report.

    Attributes:
        name: name of the column in the result record.
        definition: description of the measurement in words.
        unit: unit of the column; empty for a ratio.
        value: value.
    """

    name: str
    definition: str
    unit: str
    value: float


class ReportedField(NamedTuple):
    """Measurements of a field of view.

    Attributes:
        number: number of the field of view, from 1.
        figures: known measurements.
    """

    number: int
    figures: Sequence[ReportedFigure]


def build_report(
    source: DicomSource, fields: Sequence[ReportedField], eye: Eye | None
) -> Comprehensive3DSR:
    """Return the measurements as a structured report in a new series of the same study.

    Args:
        source: photograph.
        fields: measurements of each field of view.
        eye: eye of the photograph, if known.
    """
    groups = [_build_group(source, field, eye) for field in fields]
    report = MeasurementReport(
        observation_context=_describe_observer(source),
        procedure_reported=CodedConcept("FUNDUS", _SCHEME, "Fundus photography"),
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    return Comprehensive3DSR(
        evidence=[source.dataset],
        content=report[0],
        series_instance_uid=source.series_uid("report"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=source.instance_uid("report"),
        instance_number=source.instance_number,
        manufacturer="edgeseg",
        manufacturer_model_name=source.identity.model,
        software_versions=source.identity.version,
        series_description=SERIES_DESCRIPTION,
        is_complete=True,
        specific_character_set=CHARACTER_SET,
        coding_schemes=[CodingSchemeIdentificationItem(_SCHEME, name="edgeseg")],
    )


def _describe_observer(source: DicomSource) -> ObservationContext:
    device = DeviceObserverIdentifyingAttributes(
        uid=source.series_uid("device"),
        name="edgeseg",
        manufacturer_name="edgeseg",
        model_name=source.identity.model,
        serial_number=source.identity.model_sha256,
    )
    return ObservationContext(
        observer_device_context=ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=device
        )
    )


def _build_group(
    source: DicomSource, field: ReportedField, eye: Eye | None
) -> MeasurementsAndQualitativeEvaluations:
    identity = source.identity
    algorithm = AlgorithmIdentification(
        name="edgeseg",
        version=identity.version,
        parameters=[
            f"model={identity.model}",
            f"model_sha256={identity.model_sha256}",
            f"threshold={identity.threshold:g}",
        ],
    )
    laterality = {"left": codes.SCT.Left, "right": codes.SCT.Right, None: None}[eye]
    image = SourceImageForMeasurementGroup(
        source.frame.instance.sop_class,
        read_text(source.dataset, "SOPInstanceUID"),
        [source.frame.number] if source.is_multiframe else None,
    )
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=source.instance_uid(f"field {field.number}"),
            identifier=f"Field of view {field.number}",
        ),
        finding_type=codes.SCT.BloodVessel,
        algorithm_id=algorithm,
        finding_sites=[FindingSite(codes.SCT.Retina, laterality=laterality)],
        measurements=[_build_measurement(figure) for figure in field.figures],
        source_images=[image],
    )


def _build_measurement(figure: ReportedFigure) -> Measurement:
    units: Mapping[str, tuple[str, str]] = _UCUM_UNITS
    code, meaning = units.get(figure.unit, _NO_UNIT)
    name = figure.name.replace("_", " ")
    return Measurement(
        name=CodedConcept(figure.name, _SCHEME, name[:64]),
        value=float(f"{figure.value:.6g}"),
        unit=CodedConcept(code, "UCUM", meaning),
    )
