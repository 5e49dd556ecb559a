"""HTML page of a cohort: distributions, failures, outliers and photographs of low quality."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from edgeseg.batch.job import JobFile, open_inputs
from edgeseg.batch.locations import read_photograph
from edgeseg.batch.page_figures import ColumnValues, Distribution
from edgeseg.batch.table_columns import TableColumn, table_columns
from edgeseg.console import plural
from edgeseg.errors import PhotoError
from edgeseg.imaging.photo import decode_photo, read_mask
from edgeseg.run.inputs import output_file
from edgeseg.run.results.columns import flatten_record
from edgeseg.run.results.html_page import (
    encode_overlay_thumbnail,
    encode_thumbnail,
    load_template,
    reject_foreign_page,
)
from edgeseg.run.results.record import Records, ResultRecord
from edgeseg.run.results.reporter import FrameCounts, first_codes
from edgeseg.system.files import write_atomically

_TEMPLATE = "cohort.html"
_SIDE = 240  # longer side of a thumbnail in pixels
_MAX_BYTES = 20_000_000
_RESERVED_BYTES = 2_000_000  # size of the page without thumbnails
_WORST = 24
_EXAMPLES = 20  # maximum number of names of failed or skipped photographs per reason


class PagePhotograph(NamedTuple):
    """Photograph on the page.

    Attributes:
        number: number of the input, from 0. The anchor on the page contains this number.
        name: name of the photograph.
        thumbnails: label and base64 data of each thumbnail; may be empty.
    """

    number: int
    name: str
    thumbnails: tuple[tuple[str, str], ...]


class OutlierLine(NamedTuple):
    """Line of the page that describes one outlier."""

    number: int
    name: str
    value: str
    score: str


class Failure(NamedTuple):
    """Photographs that failed or were skipped for the same reason, with some of their names."""

    code: str
    photographs: int
    names: list[str]


def check_page_file(path: Path) -> None:
    """Check that a page can be written. This check runs before a job that may take hours.

    Raises:
        SystemSetupError: jinja2 is not installed, or a file exists that edgeseg did not write.
    """
    load_template(Path(__file__).parent, _TEMPLATE, "--html", "batch")
    reject_foreign_page(path)


class CohortPage:
    """Writer of the page. It collects the records of a job.

    Args:
        path: file of the page.
        output: output folder of the job.
        job: job to describe.
    """

    def __init__(self, path: Path, output: Path, job: JobFile) -> None:
        check_page_file(path)
        self.path = path
        self._output = output
        self._job = job
        self._columns = {c.name: c for c in table_columns(job) if _is_shown(c, job)}
        self._values = {name: ColumnValues() for name in self._columns}
        self._inputs = array("q")  # number of the input of each record
        self._failures: dict[str, Failure] = {}
        self._quality_reasons: Counter[str] = Counter()
        self._worst: list[tuple[float, int]] = []  # heap; its first element has the best quality

    def add(self, number: int, records: Records) -> None:
        """Add the records of a photograph.

        Args:
            number: number of the input that contains the photograph.
            records: records of the photograph.
        """
        for code in first_codes(records):
            self._add_failure(code, records[0])
        for record in records:
            self._add_values(number, record)

    def _add_failure(self, code: str, record: ResultRecord) -> None:
        known = self._failures.get(code, Failure(code, 0, []))
        names = known.names
        if len(names) < _EXAMPLES:
            frame = f" frame {record.frame}" if record.frame > 1 else ""
            names = [*names, f"{record.source}{frame}"]
        self._failures[code] = Failure(code, known.photographs + 1, names)

    def _add_values(self, number: int, record: ResultRecord) -> None:
        row = len(self._inputs)
        self._inputs.append(number)
        if record.quality is not None and record.fov_index:
            self._quality_reasons.update(record.quality.reasons)
            self._add_worst(number, record)
        for name, value in flatten_record(record).items():
            if name in self._values and isinstance(value, (int, float)):
                self._values[name].add(row, value)

    def _add_worst(self, number: int, record: ResultRecord) -> None:
        """Keep the photographs of the lowest quality. Ungradable photographs are first."""
        assert record.quality is not None
        focus = record.quality.focus if record.quality.focus is not None else 0.0
        badness = -focus + (1000.0 if record.quality.ungradable else 0.0)
        heapq.heappush(self._worst, (badness, -number))
        if len(self._worst) > _WORST:
            heapq.heappop(self._worst)

    def write(self, counts: FrameCounts) -> None:
        """Write the page. Thumbnails are omitted if the page would exceed 20 MB.

        Raises:
            SystemSetupError: The page cannot be written.
        """
        distributions: list[Distribution] = []
        for name, values in self._values.items():
            column = self._columns[name]
            unit = f" ({column.unit})" if column.unit else ""
            found = values.distribution(name, column.definition.rstrip(".") + unit)
            if found is not None:
                distributions.append(found)
        worst = [-number for _, number in sorted(self._worst, reverse=True)]
        outliers: list[int] = []
        for rank in range(max((len(one.outliers) for one in distributions), default=0)):
            for one in distributions:  # the most unusual value of each measurement is first
                if rank < len(one.outliers):
                    outliers.append(self._inputs[one.outliers[rank].row])
        photographs = self._draw_photographs([*worst, *outliers])
        template = load_template(Path(__file__).parent, _TEMPLATE, "--html", "batch")
        page = template.render(
            job=self._job,
            photographs=plural(counts.total, "photograph"),
            summary=counts.summary(),
            failures=sorted(self._failures.values(), key=lambda failure: -failure.photographs),
            quality_reasons=self._quality_reasons.most_common(),
            distributions=[(one, self._outlier_lines(one, photographs)) for one in distributions],
            worst=[photographs[number] for number in dict.fromkeys(worst)],
            others=[
                photograph for number, photograph in photographs.items() if number not in worst
            ],
            number=format_number,
        )
        write_atomically(self.path, page.encode("utf-8", "replace"), follow_links=False)

    def _outlier_lines(
        self, distribution: Distribution, photographs: dict[int, PagePhotograph]
    ) -> list[OutlierLine]:
        lines: list[OutlierLine] = []
        for row, value, score in distribution.outliers:
            number = self._inputs[row]
            name = photographs[number].name
            lines.append(OutlierLine(number, name, format_number(value), f"{score:+.1f}"))
        return lines

    def _draw_photographs(self, numbers: list[int]) -> dict[int, PagePhotograph]:
        inputs = open_inputs(self._output, self._job)
        photographs: dict[int, PagePhotograph] = {}
        left = _MAX_BYTES - _RESERVED_BYTES
        for number in dict.fromkeys(numbers):
            (source,) = inputs.read(number, number + 1)
            thumbnails: tuple[tuple[str, str], ...] = ()
            if left > 0:
                thumbnails = self._draw(source.path, source.stem)
            size = sum(len(data) for _, data in thumbnails)
            left -= size
            photographs[number] = PagePhotograph(
                number, source.source, thumbnails if left > 0 else ()
            )
        return photographs

    def _draw(self, location: str, stem: str) -> tuple[tuple[str, str], ...]:
        """Return the thumbnails of a photograph. Files that cannot be read are omitted."""
        thumbnails: list[tuple[str, str]] = []
        try:
            photo = decode_photo(read_photograph(location), location)
            thumbnails.append(("photograph", encode_thumbnail(photo, _SIDE)))
            mask = read_mask(output_file(stem, self._output, "vessels"))
            if mask.shape == photo.shape[:2]:
                overlay = encode_overlay_thumbnail(photo, mask, _SIDE)
                thumbnails.append(("overlay", overlay))
        except PhotoError:  # a file was removed after processing, or there is no mask
            pass
        return tuple(thumbnails)


def format_number(value: float) -> str:
    """Return a number with at least three significant digits."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _is_shown(column: TableColumn, job: JobFile) -> bool:
    """Return whether the page shows a column. Its values must be comparable between cameras."""
    name = column.name
    if column.type not in ("double", "int64") or column.version == 0 or name == "threshold":
        return False
    if name in ("fov_count", "measures_version") or name.startswith(("timings_", "quadrant_")):
        return False
    if name.startswith("quality_"):
        return True
    if name.startswith(("fov_", "schema", "frame")) or name in ("width", "height", "um_per_px"):
        return False
    if name.endswith(("_px", "_px2")):
        return False
    return not (job.has_scale and name.endswith("_rel"))
