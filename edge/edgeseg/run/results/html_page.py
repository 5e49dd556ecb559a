"""Parts of HTML pages: templates that escape all values, and embedded thumbnails."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgeseg.errors import SystemSetupError, missing_extra
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.overlay import draw_overlay, shrink_photo
from edgeseg.system.regular_files import open_regular_file

if TYPE_CHECKING:
    from jinja2 import Template

_VESSEL_SHARE = 0.25  # minimum share of vessel in a marked pixel of a thumbnail
_JPEG_QUALITY = 80
_MARKER = b'<meta name="generator" content="edgeseg">'
_MARKER_BYTES = 512  # number of bytes at the start of a file in which the marker is searched


def load_template(folder: Path, page_name: str, option: str, extra: str) -> Template:
    """Load the template `PAGE_NAME.j2`.

    Args:
        folder: folder of the template.
        page_name: file name of the page.
        option: option that requires the page, for the error message.
        extra: extra that contains jinja2.

    Raises:
        SystemSetupError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise missing_extra(option, extra, "jinja2") from error
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(f"{page_name}.j2")


def reject_foreign_page(path: Path) -> None:
    """Check that the page does not replace a link or a file that edgeseg did not write.

    Raises:
        SystemSetupError: The path is a link or a file that edgeseg did not write.
    """
    if path.is_symlink():
        raise SystemSetupError(
            f"{path}: refusing to overwrite a link. Remove the link or choose another folder "
            "with -o."
        )
    try:
        with open_regular_file(path) as file:
            beginning = file.read(_MARKER_BYTES)
    except FileNotFoundError:
        return
    except OSError:  # for example, a pipe
        beginning = b""
    if _MARKER not in beginning:
        raise SystemSetupError(
            f"{path}: refusing to overwrite a file that edgeseg did not write. Move it or "
            "choose another "
            "folder with -o."
        )


def encode_thumbnail(photo: Photo, side: int) -> str:
    """Return a JPEG of at most `side` pixels, in base64.

    Args:
        photo: (H, W, 3) uint8 RGB.
        side: longer side of the thumbnail in pixels.
    """
    small = shrink_photo(photo, side)
    settings = (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), settings)
    return base64.b64encode(data.tobytes()).decode()


def encode_overlay_thumbnail(photo: Photo, mask: Mask, side: int) -> str:
    """Return a thumbnail with tinted vessels, in base64.

    The vessels are not outlined, because an outline would cover them at this size.

    Args:
        photo: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8 {0, 255}, vessels.
        side: longer side of the thumbnail in pixels.
    """
    small = shrink_photo(photo, side)
    size = small.shape[1], small.shape[0]
    vessels = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    marked = np.where(vessels > _VESSEL_SHARE * 255, np.uint8(255), np.uint8(0))
    return encode_thumbnail(draw_overlay(small, marked, style="fill"), side)
