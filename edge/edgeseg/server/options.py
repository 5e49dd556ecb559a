"""Options of a request, from its query parameters."""

from http import HTTPStatus
from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import Request

from edgeseg.imaging.overlay import VESSEL
from edgeseg.measures.eye import Eye
from edgeseg.server.problems import RequestError

FilePart: TypeAlias = Literal["mask", "overlay", "record", "zip"]
"""Result file of a photograph, or all of them."""

T = TypeVar("T")


class SegmentOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `POST /segment`."""

    threshold: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="Vessel probability threshold; by default that of the server."),
    ] = None
    measures: Annotated[bool, Meta(description="Whether to measure the vessels.")] = False
    eye: Annotated[
        Eye | None, Meta(description="Eye, for the anatomical names of the quadrants.")
    ] = None
    um_per_px: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Size of a pixel in micrometres; adds figures in micrometres."),
    ] = None
    frame: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Picture of a file with several, from 1; by default records of all "
            "pictures, and the mask of the first one."
        ),
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
    try:
        return msgspec.convert(dict(request.query_params), kind, strict=False)
    except msgspec.ValidationError as error:
        raise RequestError(
            HTTPStatus.BAD_REQUEST,
            "invalid_request",
            f"invalid query parameter: {error}. The options are listed in /openapi.json.",
        ) from error
