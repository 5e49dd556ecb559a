"""Errors of the HTTP API as problem details (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal, TypeAlias

import msgspec
from starlette.responses import Response

ProblemCode: TypeAlias = Literal[
    "host_not_allowed",
    "cross_site",
    "token_required",
    "not_found",
    "method_not_allowed",
    "not_acceptable",
    "invalid_request",
    "upload_too_large",
    "upload_stalled",
    "too_many_pictures",
    "queue_full",
    "out_of_memory",
    "internal_error",
]
"""Machine-readable codes of problems."""

PROBLEM_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Problem details of a failed request.

    Attributes:
        title: name of the HTTP status.
        status: HTTP status.
        code: machine-readable code of the problem.
        detail: description of the problem and its remedy. The text may change in later versions.
    """

    title: str
    status: int
    code: ProblemCode
    detail: str


class RequestError(Exception):
    """Error that ends a request with a problem.

    Args:
        status: HTTP status.
        code: code of the problem.
        detail: problem and remedy.
        headers: additional headers of the response.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: ProblemCode,
        detail: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})


def problem_response(error: RequestError) -> Response:
    """Return the response to a request that failed."""
    problem = Problem(
        title=error.status.phrase, status=error.status, code=error.code, detail=error.detail
    )
    return Response(
        msgspec.json.encode(problem), error.status, error.headers, media_type=PROBLEM_TYPE
    )
