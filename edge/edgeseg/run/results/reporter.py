"""Printing of results as lines or JSON objects, and of errors to standard error."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from msgspec import UNSET

from edgeseg.console import plural
from edgeseg.errors import escape_text
from edgeseg.run.results.mask_record import MaskRecord
from edgeseg.run.results.record import Code, ResultRecord, encode_record
from edgeseg.system.files import write_errors_named
from edgeseg.system.rate_limit import RateLimitedMessage

_STREAM_INTERVAL_S = 60.0
_MAX_RESULT_LINE = 20_000  # space for four paths of maximum length


def print_message(line: str) -> None:
    """Print one line to standard error. Text from files is escaped."""
    click.echo(f"edgeseg: {escape_text(line)}", err=True)


def print_result(line: str) -> None:
    """Print one line to standard output. The line is not escaped.

    Raises:
        SystemSetupError: Standard output cannot be written, for example because the disk is full.
    """
    try:
        click.echo(line)
    except BrokenPipeError:
        raise  # the other process closed the pipe; click ends the run
    except OSError:
        with write_errors_named("standard output"):
            raise


def has_unusable_scale(record: ResultRecord | MaskRecord) -> bool:
    """Return whether the size of a pixel is known but cannot be used."""
    return record.um_per_px_status in ("implausible", "anisotropic")


def print_scale_warning(count: int) -> None:
    """Print a warning if the size of a pixel could not be used.

    Args:
        count: number of images whose pixel size could not be used.
    """
    if count:
        print_message(
            f"{plural(count, 'image')} without values in micrometres: with this pixel size, the "
            "field of view would not be 3 to 40 mm wide, or the pixels are not square. Check "
            "--um-per-px."
        )


class FrameCounts:
    """Number of frames of one source for each outcome."""

    def __init__(self) -> None:
        self.segmented = 0
        self.skipped = 0
        self.failed = 0
        self.bugs = 0
        self.reused = 0
        self.ungradable = 0
        self.no_fundus = 0
        self.repeated = 0
        self.dropped = 0

    def add(self, records: Sequence[ResultRecord]) -> None:
        """Add the records of a frame to the counts."""
        first = records[0]
        statuses = {record.status for record in records}
        self.bugs += "internal_error" in first.reasons
        if first.reused is True:
            self.reused += 1
        elif "ok" in statuses:
            self.segmented += 1
        elif "failed" in statuses:
            self.failed += 1
        else:
            self.skipped += 1
        self.no_fundus += "no_fundus" in first.reasons and first.status == "skipped"
        self.ungradable += any(_is_ungradable(record) for record in records)
        if first.repeats is not UNSET:
            self.repeated += first.repeats > 0
        if first.dropped is not UNSET:
            self.dropped += first.dropped

    @property
    def decoded(self) -> int:
        """Number of frames that could be decoded."""
        return self.segmented + self.reused + self.skipped

    @property
    def total(self) -> int:
        """Number of all frames."""
        return self.decoded + self.failed

    def summary(self) -> str:
        """Return the counts in one line. Counts of zero are omitted."""
        counts = {
            "segmented": self.segmented,
            "skipped": self.skipped,
            "failed": self.failed,
            "already processed": self.reused,
            "of low quality": self.ungradable,
            "without a retina": self.no_fundus,
            "repeated": self.repeated,
            "dropped": self.dropped,
        }
        parts = [f"{count} {words}" for words, count in counts.items() if count]
        return ", ".join(parts) or "no frames"


def first_codes(records: Sequence[ResultRecord]) -> list[Code]:
    """Return the codes under which a frame without a segmented field of view is counted.

    Args:
        records: records of the frame.

    Returns:
        The first reason of each record, without duplicates. The list is empty if a record has the
        status `ok`, because `FrameCounts` then counts the frame as segmented.
    """
    if any(record.status == "ok" for record in records):
        return []
    return list(dict.fromkeys(record.reasons[0] for record in records if record.reasons))


def _is_ungradable(record: ResultRecord) -> bool:
    return record.quality is not None and record.quality.ungradable and record.fov_index > 0


class Reporter:
    """Reporter for the results of one source.

    Args:
        name: name of the source.
        stream: whether the source is a stream. A stream is reported once a minute instead of once
            per frame.
        as_json: whether to print one JSON object per record instead of lines.
        clock: monotonic clock in seconds.
    """

    def __init__(
        self, name: str, stream: bool, as_json: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.stream = stream
        self.as_json = as_json
        self.counts = FrameCounts()
        self._clock = clock
        self._print_stream_error = RateLimitedMessage(print_message, clock=clock)
        self._last_summary = clock()

    def report(self, records: Sequence[ResultRecord]) -> None:
        """Report the records of one frame."""
        self.counts.add(records)
        first = records[0]
        if first.status == "failed" and first.message is not UNSET:
            if self.stream:
                self._print_stream_error(first.message)
            else:
                print_message(first.message)
        if self.as_json:
            for record in records:
                print_result(encode_record(record))
        elif self.stream:
            if self._clock() - self._last_summary >= _STREAM_INTERVAL_S:
                self._last_summary = self._clock()
                print_result(escape_text(f"{self.name}  {self.counts.summary()}"))
        elif first.status != "failed" and first.reused is UNSET:
            print_result(result_line(records))

    def finish(self, output: Path) -> None:
        """Print the summary of a stream, or of several photographs.

        Args:
            output: folder of the results.
        """
        if self.stream and not self.as_json:
            print_result(escape_text(f"{self.name}  {self.counts.summary()}"))
        elif not self.stream and (self.counts.total > 1 or self.counts.reused):
            total = plural(self.counts.total, "photograph")
            print_message(f"{total}: {self.counts.summary()}; results in {output}")


def result_line(records: Sequence[ResultRecord]) -> str:
    """Return the escaped console line of an image: files, time and vessel density."""
    first = records[0]
    details: list[str] = []
    if first.timings_ms is not UNSET:
        details.append(f"{sum(first.timings_ms.values()):.0f} ms")
    densities = [record.vessel_density for record in records if record.vessel_density is not None]
    if densities:
        details.append("vessel density " + ", ".join(f"{density:.1%}" for density in densities))
    details += [record.message for record in records if record.message is not UNSET]
    files = ""
    if first.files is not UNSET:
        paths = [first.files.mask, first.files.overlay, first.files.probability]
        paths.append(first.files.measures_overlay)
        paths += [first.files.dicom_seg, first.files.dicom_sc, first.files.dicom_sr]
        files = " -> " + ", ".join(path for path in paths if path is not UNSET)
    return escape_text(f"{first.source}{files}  {'; '.join(details)}", _MAX_RESULT_LINE)
