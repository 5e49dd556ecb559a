"""Options in the query parameters of a request."""

from http import HTTPStatus
from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import Request

from edgeseg.imaging.overlay import VESSEL
from edgeseg.measures.eye import Eye, parse_eye
from edgeseg.server.problems import RequestError
from edgeseg.system.decoding import prepare_decoding

FilePart: TypeAlias = Literal["mask", "overlay", "record", "zip"]
"""Result file of a photograph, or all result files."""

T = TypeVar("T")


class SegmentOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `POST /segment`."""

    threshold: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="Vessel probability threshold; the default is the server's threshold."),
    ] = None
    measures: Annotated[bool, Meta(description="Whether to measure the vessels.")] = False
    eye: Annotated[
        Eye | None,
        Meta(
            description="Eye. Adds the anatomical names of the quadrants if `measures` is true. "
            "L, R, OS and OD are also accepted, in upper and lower case."
        ),
    ] = None
    um_per_px: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(
            description="Size of a pixel in micrometres. Adds measurements in micrometres if "
            "`measures` is true."
        ),
    ] = None
    frame: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Number of the image in its file, from 1. [default: all]"),
    ] = None


class FileOptions(SegmentOptions, frozen=True, kw_only=True):
    """Options of a download from the page."""

    part: FilePart = "zip"
    colour: Annotated[str, Meta(pattern="^[0-9a-f]{6}$")] = bytes(VESSEL).hex()
    opacity: Annotated[float, Meta(ge=0, le=1)] = 0.6

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Colour of the vessels."""
        red, green, blue = bytes.fromhex(self.colour)
        return red, green, blue


def read_options(request: Request, kind: type[T]) -> T:
    """Read the options of a request.

    Args:
        request: request.
        kind: structure of the options.

    Raises:
        RequestError: An option is unknown or has an invalid value.
    """
    query = dict(request.query_params)
    if "eye" in query:
        query["eye"] = parse_eye(query["eye"]) or query["eye"]
    try:
        return msgspec.convert(query, kind, strict=False)
    except msgspec.ValidationError as error:
        raise RequestError(
            HTTPStatus.BAD_REQUEST,
            "invalid_request",
            f"invalid query parameter: {error}. The options are listed in /openapi.json.",
        ) from error


prepare_decoding(SegmentOptions, FileOptions)
