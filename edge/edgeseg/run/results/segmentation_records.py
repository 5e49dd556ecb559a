"""Records of a segmentation from the Python API."""

from pathlib import Path

from edgeseg.measures import Eye, Spacing
from edgeseg.run.frame import Frame
from edgeseg.run.options import RunOptions
from edgeseg.run.results.record import ResultRecord
from edgeseg.run.results.record_builder import RecordBuilder, with_files, with_measures
from edgeseg.segmentation import Segmentation


def segmentation_records(
    segmentation: Segmentation,
    source: str,
    measures: bool,
    spacing: Spacing | None,
    eye: Eye | None,
) -> tuple[ResultRecord, ...]:
    """Return one record per field of view. Fields of low quality are not measured.

    Args:
        segmentation: vessels of a photograph.
        source: path or name of the photograph.
        measures: whether to measure the vessels.
        spacing: size of a pixel; None if it is unknown.
        eye: eye of the photograph; None if it is unknown.

    Raises:
        UsageError: The spacing is not positive.
    """
    builder = RecordBuilder(segmentation.segmenter)
    options = RunOptions(Path(), measures=measures, spacing=spacing, eye=eye)
    frame = options.apply_to(Frame(source, Path(source).stem, bytes))
    records: list[ResultRecord] = []
    for index, result in enumerate(segmentation.fields, 1):
        record = builder.segmented(frame, result, index, len(segmentation.fields))
        measured = None
        if measures and result.quality is not None and not result.quality.ungradable:
            measured = result.measure(segmentation.threshold, spacing, eye)
        record = with_measures(record, measured, frame, options)
        records.append(with_files(record, {}, segmentation.timings))
    return tuple(records)
