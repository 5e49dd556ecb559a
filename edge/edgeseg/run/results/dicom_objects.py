"""Encoding of the DICOM results of a photograph."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import UNSET

from edgeseg._version import __version__
from edgeseg.errors import PhotoError, one_line
from edgeseg.imaging.encoder import encode_jpeg
from edgeseg.run.inputs import Part
from edgeseg.run.options import RunOptions
from edgeseg.run.results.columns import columns, flatten_record
from edgeseg.run.results.images import run_overlay_in_place
from edgeseg.run.results.provenance import Provenance
from edgeseg.run.results.record import ResultRecord
from edgeseg.segmentation import Segmentation

if TYPE_CHECKING:
    from edgeseg.dicom.report import ReportedField
    from edgeseg.dicom.source import DicomSource
    from edgeseg.run.frame import Frame

_QUADRANT = "quadrant_"


def check_source(frame: Frame) -> None:
    """Check that DICOM results can refer to a frame.

    Raises:
        PhotoError: the frame is not part of a DICOM file, or the file lacks a UID.
    """
    if frame.dicom is None:
        raise PhotoError(
            f"{frame.name}: not a DICOM file. --dicom requires the patient, study and series "
            "of a DICOM file. Omit --dicom or use the DICOM file of the photograph.",
            "not_dicom",
        )
    from edgeseg.dicom.source import check_uids  # noqa: PLC0415 - requires the extra

    check_uids(frame.dicom.instance.dataset, frame.name)


def encode_dicom_results(
    parts: Sequence[Part],
    frame: Frame,
    segmentation: Segmentation,
    records: Sequence[ResultRecord],
    provenance: Provenance | None,
    options: RunOptions,
) -> dict[str, bytes]:
    """Encode those parts that are DICOM results. Return the bytes of each file.

    Args:
        parts: results to write.
        frame: frame of a DICOM file, with its eye and the size of a pixel.
        segmentation: vessels of the photograph.
        records: records of the fields of view.
        provenance: digests of the photograph, the model and the options.
        options: options of the run, for the style of the overlay.

    Raises:
        PhotoError: values that are copied from the file are invalid.
    """
    dicom_parts = [part for part in parts if part.startswith("dicom")]
    if not dicom_parts or provenance is None or frame.dicom is None:
        return {}
    from edgeseg.dicom.source import ResultIdentity, open_source  # noqa: PLC0415 - the extra

    segmenter = segmentation.segmenter
    identity = ResultIdentity(
        f"{segmenter.card.name}.{segmenter.card.precision}",
        provenance.model,
        provenance.options,
        segmenter.threshold,
        __version__,
    )
    source = open_source(frame.dicom, identity, frame.name)
    texts = provenance.texts()
    try:
        return {
            part: _encode_part(part, source, frame, segmentation, records, texts, options)
            for part in dicom_parts
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # Invalid values that are copied from the file cause many types of exceptions.
        raise PhotoError(
            f"{frame.name}: DICOM results cannot be written for this file ({one_line(error)}). "
            "Export the photograph again.",
            "not_dicom",
        ) from error


def _encode_part(
    part: Part,
    source: DicomSource,
    frame: Frame,
    segmentation: Segmentation,
    records: Sequence[ResultRecord],
    texts: Mapping[str, str],
    options: RunOptions,
) -> bytes:
    from edgeseg.dicom.encoder import encode_dicom  # noqa: PLC0415 - requires the extra
    from edgeseg.dicom.overlay_object import build_overlay  # noqa: PLC0415
    from edgeseg.dicom.report import build_report  # noqa: PLC0415
    from edgeseg.dicom.segmentation_object import build_segmentation  # noqa: PLC0415

    if part == "dicom_seg":
        return encode_dicom(build_segmentation(source, segmentation.mask, frame.spacing), texts)
    if part == "dicom_sc":
        with run_overlay_in_place(segmentation, options) as overlay:
            jpeg, (height, width) = encode_jpeg(overlay), overlay.shape[:2]
        return encode_dicom(build_overlay(source, jpeg, (height, width), frame.eye), texts)
    return encode_dicom(build_report(source, _reported_fields(records), frame.eye), texts)


def _reported_fields(records: Sequence[ResultRecord]) -> list[ReportedField]:
    """Return the measurements of each segmented field of view."""
    from edgeseg.dicom.report import ReportedField, ReportedFigure  # noqa: PLC0415

    fields: list[ReportedField] = []
    for record in records:
        values = flatten_record(record)
        measured: set[str] = {"vessel_density"}
        if record.measures is not UNSET and record.measures is not None:
            measured |= flatten_record(record.measures).keys()
        figures: list[ReportedFigure] = []
        for column in columns():
            value = values.get(column.name)
            is_reported = column.name in measured and not column.name.startswith(_QUADRANT)
            if not is_reported or not isinstance(value, (int, float)):
                continue
            if math.isfinite(value) and not isinstance(value, bool):
                figures.append(ReportedFigure(column.name, column.definition, column.unit, value))
        if record.vessel_density is not None:
            fields.append(ReportedField(record.fov_index, figures))
    return fields
