"""Result record: one format for JSON, tables and Python.

This module declares every column with its type, unit and definition. `edgeseg.run.results.columns`
lists the columns. A key is absent if it was not requested or does not apply. A value is null if it
is unknown.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from edgeseg.measures.columns import column
from edgeseg.measures.eye import Eye
from edgeseg.measures.spacing import SpacingSource, SpacingStatus
from edgeseg.measures.values import FieldMeasures, MeasuresStatus
from edgeseg.models.card import Precision
from edgeseg.quality.frame_quality import QualityReason
from edgeseg.system.decoding import prepare_decoding

SCHEMA_VERSION = 1
"""Version of the record. Additional keys do not change the version, because clients must ignore
unknown keys."""

Status: TypeAlias = Literal["ok", "skipped", "failed"]

Code: TypeAlias = Literal[
    "no_fundus",
    "ungradable",
    "undecodable",
    "unsupported_format",
    "too_large",
    "unreadable",
    "missing_extra",
    "not_dicom",
    "not_overwritten",
    "unreadable_source",
    "internal_error",
    "worker_died",
    "frozen_frame",
    "sizes_differ",
    "mask_thresholded",
    "pages_skipped",
    "several_fields",
    "not_a_colour_photograph",
]

CODES: Mapping[Code, str] = {
    "no_fundus": "No retina was found in the image.",
    "ungradable": "The image quality is too low; `quality.reasons` contains the reasons.",
    "undecodable": "The file is damaged, truncated, or not an image.",
    "unsupported_format": "edgeseg does not support the format or type of the image.",
    "too_large": "The file or the image exceeds the size limit.",
    "unreadable": "The file cannot be opened or read.",
    "missing_extra": "The format requires an extra of edgeseg that is not installed.",
    "not_dicom": "`--dicom` requires a DICOM file with the UIDs of study, series and instance.",
    "not_overwritten": "A link, or a file that edgeseg did not write, has the name of the result.",
    "unreadable_source": "The video or stream cannot be read, or ended too early.",
    "internal_error": "A bug in edgeseg. The traceback is printed to standard error.",
    "worker_died": "Worker processes of a batch job ended unexpectedly while processing this file.",
    "frozen_frame": "The frame is identical to the previous one.",
    "sizes_differ": "The mask and its field of view differ in size, or the field of view is empty.",
    "mask_thresholded": "The mask was not binary and was thresholded at half of its range.",
    "pages_skipped": "Thumbnail pages of the TIFF file were skipped.",
    "several_fields": "The record covers several fields of view that overlap.",
    "not_a_colour_photograph": "Red-free or grey photograph. The models were trained on colour.",
}
"""Meaning of each code in `reasons` and `warnings`."""

IDENTIFIERS = ("patient_id", "study_instance_uid", "series_instance_uid")
"""Columns that are included only on request and are never stored in result files."""

EyeSource: TypeAlias = Literal["option", "manifest", "dicom"]

Count: TypeAlias = Annotated[int, Meta(ge=0)]
Positive: TypeAlias = Annotated[int, Meta(ge=1)]
NonNegative: TypeAlias = Annotated[float, Meta(ge=0)]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
GreyLevel: TypeAlias = Annotated[float, Meta(ge=0, le=255)]


class ResultFiles(Struct, frozen=True, kw_only=True):
    """Files that were written for an image. They cover all fields of view."""

    mask: Annotated[str | UnsetType, column("Vessel mask, 8-bit PNG with 255 for vessels.")] = UNSET
    overlay: Annotated[str | UnsetType, column("Photograph with its vessels marked.")] = UNSET
    probability: Annotated[
        str | UnsetType, column("Vessel probability, 16-bit PNG with 65535 for 1.")
    ] = UNSET
    video: Annotated[
        str | UnsetType, column("Overlay video of a stream; complete after the end of the run.")
    ] = UNSET
    measures_overlay: Annotated[
        str | UnsetType, column("Photograph with each measured segment coloured by its width.")
    ] = UNSET
    dicom_seg: Annotated[
        str | UnsetType, column("DICOM Segmentation of the vessels; refers to the photograph.")
    ] = UNSET
    dicom_sc: Annotated[
        str | UnsetType, column("Overlay as DICOM Secondary Capture, for viewers.")
    ] = UNSET
    dicom_sr: Annotated[
        str | UnsetType, column("Measurements as DICOM Comprehensive 3D SR, TID 1500.")
    ] = UNSET


class QualityRecord(Struct, frozen=True, kw_only=True):
    """Image quality of a field of view, as defined in edgeseg.quality."""

    ungradable: Annotated[bool, column("Whether the quality is too low for segmentation.")]
    reasons: Annotated[
        tuple[QualityReason, ...], column("Codes of the reasons why the field is ungradable.")
    ]
    focus: Annotated[NonNegative | None, column("Ratio of fine to coarse detail.")]
    brightness: Annotated[GreyLevel | None, column("Mean of the brightest channel.", "grey level")]
    retina: Annotated[Share, column("Share of the image that is illuminated retina.")]
    field: Annotated[
        Share | None,
        column("Share of the round field of view that is illuminated and in the image."),
    ]
    diameter_px: Annotated[
        NonNegative, column("Diameter of a circle with the area of the illuminated retina.", "px")
    ] = 0.0
    detail: Annotated[
        NonNegative | None,
        column(
            "Standard deviation of medium-sized detail in the green channel, relative to its mean."
        ),
    ] = None
    contrast: Annotated[
        NonNegative | None, column("Standard deviation of the green channel, relative to its mean.")
    ] = None
    overexposed: Annotated[
        Share | None, column("Share of the field of view with a saturated green channel.")
    ] = None
    veil: Annotated[
        NonNegative | None,
        column("Level of the darkest channel, relative to the brightest channel."),
    ] = None
    saturation: Annotated[
        Share | None,
        column("Mean difference between brightest and darkest channel, relative to the brightest."),
    ] = None
    polarity: Annotated[
        float | None,
        column("Strength of dark lines minus strength of bright lines, divided by their sum."),
    ] = None
    median_red: Annotated[GreyLevel | None, column("Median of the red channel.", "grey level")] = (
        None
    )
    median_green: Annotated[
        GreyLevel | None, column("Median of the green channel.", "grey level")
    ] = None
    median_blue: Annotated[
        GreyLevel | None, column("Median of the blue channel.", "grey level")
    ] = None


class ResultRecord(Struct, frozen=True, kw_only=True):
    """Result of one field of view. The key is (`source`, `frame`, `fov_index`)."""

    source: Annotated[str, column("Path of the file, or name of the device or stream.")]
    frame: Annotated[Positive, column("Number of the image in its source, from 1.")]
    sop_instance_uid: Annotated[str | UnsetType, column("SOP Instance UID of a DICOM file.")] = (
        UNSET
    )
    patient_id: Annotated[
        str | UnsetType | None, column("Patient ID of a DICOM file; only with `--identifiers`.")
    ] = UNSET
    study_instance_uid: Annotated[
        str | UnsetType | None,
        column("Study Instance UID of a DICOM file; only with `--identifiers`."),
    ] = UNSET
    series_instance_uid: Annotated[
        str | UnsetType | None,
        column("Series Instance UID of a DICOM file; only with `--identifiers`."),
    ] = UNSET
    position_s: Annotated[
        NonNegative | UnsetType, column("Time since the start of the video.", "s")
    ] = UNSET
    fov_index: Annotated[
        Count,
        column("Number of the field of view in reading order, from 1; 0 if none was detected."),
    ]
    fov_count: Annotated[Count, column("Number of fields of view in the image.")]
    fov_x: Annotated[Count | None, column("Left edge of the field of view.", "px")] = None
    fov_y: Annotated[Count | None, column("Top edge of the field of view.", "px")] = None
    fov_width: Annotated[Positive | None, column("Width of the field of view.", "px")] = None
    fov_height: Annotated[Positive | None, column("Height of the field of view.", "px")] = None
    fov_diameter_px: Annotated[
        NonNegative | None,
        column("Diameter of the field of view, or its longer side if it is not round.", "px"),
    ] = None
    width: Annotated[Positive | None, column("Width of the decoded image.", "px")] = None
    height: Annotated[Positive | None, column("Height of the decoded image.", "px")] = None
    eye: Annotated[Eye | UnsetType | None, column("Eye of the photograph.")] = UNSET
    eye_source: Annotated[
        EyeSource | UnsetType | None, column("Origin of `eye`; null if unknown.")
    ] = UNSET
    status: Annotated[Status, column("Outcome.")]
    reasons: Annotated[tuple[Code, ...], column("Reason codes if `status` is not `ok`.")] = ()
    message: Annotated[
        str | UnsetType,
        column("Description of the problem in one line. The text may change between versions."),
    ] = UNSET
    warnings: Annotated[tuple[Code, ...], column("Reason codes if the result is unreliable.")] = ()
    edgeseg_version: Annotated[str, column("Version of edgeseg.")]
    schema_version: Annotated[Positive, column("Version of this record.")] = SCHEMA_VERSION
    model: Annotated[str, column("Name of the model.")]
    model_sha256: Annotated[str, column("SHA-256 of the model file.")]
    precision: Annotated[Precision, column("Precision of the model file.")]
    runtime: Annotated[str, column("Runtime that executed the network.")]
    provider: Annotated[
        str | None, column("Execution provider of ONNX Runtime; null for other runtimes.")
    ]
    threshold: Annotated[Share, column("Vessel probability threshold.")]
    files: ResultFiles | UnsetType = UNSET
    quality: QualityRecord | None = None
    vessel_density: Annotated[
        Share | None, column("Share of vessel pixels in the field of view.")
    ] = None
    measures_status: Annotated[
        MeasuresStatus | UnsetType, column("`ok`, or the reason why measurements are null.")
    ] = UNSET
    measures: FieldMeasures | UnsetType | None = UNSET
    um_per_px: Annotated[
        NonNegative | UnsetType | None,
        column("Size of a pixel in micrometres; null if unknown.", "um"),
    ] = UNSET
    um_per_px_source: Annotated[
        SpacingSource | UnsetType | None, column("Origin of `um_per_px`; null if unknown.")
    ] = UNSET
    um_per_px_status: Annotated[
        SpacingStatus | UnsetType, column("`ok`, or the reason why values in micrometres are null.")
    ] = UNSET
    time: Annotated[
        str | UnsetType, column("UTC time at which the image was received, ISO 8601.")
    ] = UNSET
    timings_ms: Annotated[
        dict[str, float] | UnsetType,
        column("Processing time of the whole image per stage.", "ms"),
    ] = UNSET
    dropped: Annotated[
        Count | UnsetType,
        column("Number of frames of a live stream that were dropped before this frame."),
    ] = UNSET
    repeats: Annotated[
        Count | UnsetType,
        column("Number of identical frames of a live stream directly before this frame."),
    ] = UNSET
    reused: Annotated[
        bool | UnsetType, column("Whether `--resume` reused an earlier result; only in JSON.")
    ] = UNSET


Records: TypeAlias = tuple[ResultRecord, ...]
"""Records of one frame, one per field of view; at least one record."""


def encode_record(record: ResultRecord) -> str:
    """Encode a record as one line of JSON."""
    return msgspec.json.encode(record).decode()


prepare_decoding(ResultRecord)
