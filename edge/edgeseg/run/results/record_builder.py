"""Creation of the records of an image."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edgeseg._version import __version__
from edgeseg.field_of_view.detect import FieldOfView
from edgeseg.measures import Measures
from edgeseg.measures.regions import round_figure
from edgeseg.measures.spacing import um_per_px
from edgeseg.quality import NO_FUNDUS, FrameQuality
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import path_text
from edgeseg.run.options import RunOptions
from edgeseg.run.results.record import (
    IDENTIFIERS,
    Code,
    QualityRecord,
    ResultFiles,
    ResultRecord,
)
from edgeseg.segmentation import FieldResult
from edgeseg.segmenter import Segmenter

_FILE_KEYS: Mapping[str, str] = {"vessels": "mask"}  # for other parts, the key is equal to the name


class RecordBuilder:
    """Creation of records for one model.

    Args:
        segmenter: model that computes the results.
        identifiers: whether to include the identifiers of patient, study and series.
    """

    def __init__(self, segmenter: Segmenter, identifiers: bool = False) -> None:
        self._identifiers = identifiers
        self._model: dict[str, Any] = {
            "edgeseg_version": __version__,
            "model": segmenter.file.name,
            "model_sha256": segmenter.model_sha256,
            "precision": segmenter.card.precision,
            "runtime": segmenter.runtime_name,
            "provider": segmenter.provider,
            "threshold": segmenter.threshold,
        }

    def failed(self, frame: Frame, code: Code, message: str) -> ResultRecord:
        """Return the record of an image that could not be decoded."""
        return self._record(frame, status="failed", reasons=(code,), message=message)

    def without_field(
        self, frame: Frame, size: tuple[int, int], message: str, repeats: int
    ) -> ResultRecord:
        """Return the record of an image without a retina.

        The status is `skipped` in a stream, and otherwise `failed`.

        Args:
            frame: image.
            size: (height, width) of the image in pixels.
            message: description of the problem.
            repeats: number of identical frames directly before this frame.
        """
        return self._record(
            frame,
            repeats=repeats,
            status="failed" if frame.number is None else "skipped",
            reasons=("no_fundus",),
            message=message,
            quality=_quality_record(NO_FUNDUS),
            height=size[0],
            width=size[1],
        )

    def segmented(
        self, frame: Frame, result: FieldResult, index: int, count: int, repeats: int = 0
    ) -> ResultRecord:
        """Return the record of a segmented field of view whose quality was assessed.

        Args:
            frame: image.
            result: vessels of the field.
            index: number of the field, from 1.
            count: number of fields in the image.
            repeats: number of identical frames directly before this frame.
        """
        assert result.quality is not None
        density = round_figure(result.vessel_density)
        values: dict[str, Any] = {"status": "ok", "vessel_density": density}
        warnings = [*frame.warnings, *_field_warnings(result.fov), *result.quality.warnings]
        if result.quality.ungradable:
            warnings.append("ungradable")
            values["message"] = f"{_low_quality(result.quality)}: segmentation is unreliable"
        if repeats:
            warnings.append("frozen_frame")
        values |= _field_values(result.fov, result.quality, index, count)
        return self._record(frame, repeats, warnings=tuple(warnings), **values)

    def ungradable(
        self,
        frame: Frame,
        fov: FieldOfView,
        quality: FrameQuality,
        index: int,
        count: int,
        repeats: int = 0,
    ) -> ResultRecord:
        """Return the record of a field of view that was skipped because of its quality."""
        return self._record(
            frame,
            repeats,
            status="skipped",
            reasons=("ungradable",),
            message=_low_quality(quality),
            warnings=tuple(_field_warnings(fov)),
            **_field_values(fov, quality, index, count),
        )

    def reused(self, record: ResultRecord, frame: Frame) -> ResultRecord:
        """Convert a stored record to a record of this run."""
        return msgspec.structs.replace(record, **self._identity(frame), reused=True)

    def _record(self, frame: Frame, repeats: int = 0, **values: Any) -> ResultRecord:  # noqa: ANN401
        fields: dict[str, Any] = {"fov_index": 0, "fov_count": 0}
        if frame.live:
            fields |= {"dropped": frame.dropped, "repeats": repeats}
        if frame.dicom is not None:
            fields |= {"eye": frame.eye, "eye_source": frame.eye_source}
        return ResultRecord(**self._model, **self._identity(frame), **(fields | values))

    def _identity(self, frame: Frame) -> dict[str, Any]:
        identity: dict[str, Any] = {
            "source": frame.source,
            "frame": frame.number or frame.page or 1,
            "time": frame.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if frame.position_s is not None:
            identity["position_s"] = round(frame.position_s, 3)
        if self._identifiers:
            identity |= dict.fromkeys(IDENTIFIERS)
        if frame.dicom is not None:
            identity["sop_instance_uid"] = frame.dicom.sop_instance_uid
            if self._identifiers:
                from edgeseg.dicom.metadata import read_identifiers  # noqa: PLC0415 - the extra

                identity |= read_identifiers(frame.dicom.instance.dataset)
        return identity


def _low_quality(quality: FrameQuality) -> str:
    reasons = ", ".join(reason.replace("_", " ") for reason in quality.reasons)
    return f"low image quality ({reasons})"


def _field_warnings(fov: FieldOfView) -> list[Code]:
    return ["several_fields"] if fov.overlapping else []


def _field_values(
    fov: FieldOfView, quality: FrameQuality, index: int, count: int
) -> dict[str, Any]:
    return {
        "fov_index": index,
        "fov_count": count,
        "fov_x": fov.box.left,
        "fov_y": fov.box.top,
        "fov_width": fov.box.width,
        "fov_height": fov.box.height,
        "fov_diameter_px": round(fov.diameter, 1),
        "height": fov.mask.shape[0],
        "width": fov.mask.shape[1],
        "quality": _quality_record(quality),
    }


def with_files(
    record: ResultRecord, files: Mapping[str, Path], timings_ms: Mapping[str, float]
) -> ResultRecord:
    """Add the files of the image and the time per stage to a record."""
    rounded = {stage: round(ms, 3) for stage, ms in timings_ms.items()}
    if not files:
        return msgspec.structs.replace(record, timings_ms=rounded)
    paths = {_FILE_KEYS.get(part, part): path_text(file) for part, file in files.items()}
    return msgspec.structs.replace(record, files=ResultFiles(**paths), timings_ms=rounded)


def with_measures(
    record: ResultRecord, measures: Measures | None, frame: Frame, options: RunOptions
) -> ResultRecord:
    """Add the requested measurements, the eye and the size of a pixel to a record.

    Args:
        record: record of a field of view.
        measures: measurements of the field; None if its quality is too low.
        frame: image with its eye and the size of a pixel.
        options: options of the run.
    """
    if not options.measures:
        return record
    diameter = record.fov_diameter_px or 0.0
    micrometres, status = um_per_px(frame.spacing, diameter)
    return msgspec.structs.replace(
        record,
        eye=frame.eye,
        eye_source=frame.eye_source,
        measures_status="ungradable" if measures is None else measures.status,
        measures=None if measures is None else measures.values,
        um_per_px=micrometres,
        um_per_px_source=None if frame.spacing is None else frame.spacing.source,
        um_per_px_status=status,
    )


def _quality_record(quality: FrameQuality) -> QualityRecord:
    return msgspec.convert(quality.to_dict(), QualityRecord)
