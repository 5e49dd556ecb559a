"""Contact sheet: self-contained HTML page with thumbnails, overlays and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import UNSET

from edgeseg.errors import PhotoError
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.photo import read_photo
from edgeseg.run.results.html_page import (
    encode_overlay_thumbnail,
    encode_thumbnail,
    load_template,
    reject_foreign_page,
)
from edgeseg.run.results.record import ResultRecord
from edgeseg.system.files import write_atomically

SHEET_NAME = "contact_sheet.html"

_THUMBNAIL_SIDE = 400  # pixels


class Card(NamedTuple):
    """One image on the sheet.

    Attributes:
        title: name of the image.
        mark: CSS class: `failed`, `warning` or empty.
        thumbnails: label and base64 data of each thumbnail.
        figures: label and value of each row.
        messages: lines below the figures.
    """

    title: str
    mark: str
    thumbnails: tuple[tuple[str, str], ...]
    figures: tuple[tuple[str, str], ...]
    messages: tuple[str, ...]


class ContactSheet:
    """Page with the images of a run.

    Args:
        folder: output folder of the run.

    Raises:
        SystemSetupError: jinja2 is not installed, or the page's file exists and is not a contact
            sheet.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / SHEET_NAME
        self._template = load_template(Path(__file__).parent, SHEET_NAME, "--contact-sheet", "html")
        self._thumbnails: dict[tuple[str, int], tuple[tuple[str, str], ...]] = {}
        self._cards: list[Card] = []
        reject_foreign_page(self.path)

    def add_thumbnails(self, source: str, frame: int, photo: Photo, mask: Mask) -> None:
        """Store the thumbnails of an image before its records are added. Thread-safe.

        Args:
            source: `source` of the records.
            frame: `frame` of the records.
            photo: (H, W, 3) uint8 RGB.
            mask: (H, W) uint8 {0, 255}, vessels.
        """
        self._thumbnails[source, frame] = (
            ("photograph", encode_thumbnail(photo, _THUMBNAIL_SIDE)),
            ("overlay", encode_overlay_thumbnail(photo, mask, _THUMBNAIL_SIDE)),
        )

    def add_records(self, records: Sequence[ResultRecord]) -> None:
        """Append an image with its records. The page keeps the order of the calls."""
        first = records[0]
        thumbnails = self._thumbnails.pop((first.source, first.frame), ())
        if not thumbnails and first.reused is True:
            thumbnails = _stored_thumbnails(first)
        title = first.source if first.frame == 1 else f"{first.source} page {first.frame}"
        messages: list[str] = []
        for record in records:
            if record.message is not UNSET:
                messages.append(record.message)
        figures = _list_figures(records)
        self._cards.append(Card(title, _mark(records), thumbnails, figures, tuple(messages)))

    def write(self) -> None:
        """Write the page.

        Raises:
            SystemSetupError: The page cannot be written.
        """
        marks = [card.mark for card in self._cards]
        summary = f"{marks.count('failed')} failed, {marks.count('warning')} with warnings"
        page = self._template.render(cards=self._cards, summary=summary)
        write_atomically(self.path, page.encode("utf-8", "replace"), follow_links=False)


def _stored_thumbnails(record: ResultRecord) -> tuple[tuple[str, str], ...]:
    """Return thumbnails of a photograph and its overlay from an earlier run.

    Files that cannot be decoded are omitted.
    """
    files: dict[str, Path] = {}
    if record.frame == 1:  # only the first page of a file is decoded
        files["photograph"] = Path(record.source)
    if record.files is not UNSET and record.files.overlay is not UNSET:
        files["overlay"] = Path(record.files.overlay)
    thumbnails: list[tuple[str, str]] = []
    for label, file in files.items():
        try:
            thumbnails.append((label, encode_thumbnail(read_photo(file), _THUMBNAIL_SIDE)))
        except PhotoError:
            continue
    return tuple(thumbnails)


def _mark(records: Sequence[ResultRecord]) -> str:
    statuses = {record.status for record in records}
    if "failed" in statuses:
        return "failed"
    is_doubtful = any(record.warnings for record in records) or "skipped" in statuses
    return "warning" if is_doubtful else ""


def _list_figures(records: Sequence[ResultRecord]) -> tuple[tuple[str, str], ...]:
    first = records[0]
    figures: list[tuple[str, str]] = []
    if first.width is not None and first.height is not None:
        figures.append(("size", f"{first.width} x {first.height} px"))
    for record in records:
        field = f"field {record.fov_index} " if len(records) > 1 else ""
        if record.fov_diameter_px is not None:
            figures.append((f"{field}diameter", f"{record.fov_diameter_px:.0f} px"))
        if record.vessel_density is not None:
            figures.append((f"{field}vessel density", f"{record.vessel_density:.1%}"))
        if record.quality is not None:
            reasons = ", ".join(record.quality.reasons).replace("_", " ")
            figures.append((f"{field}quality", reasons or "gradable"))
    return tuple(figures)
