"""ASGI application with the routes of the page and the HTTP API."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from edgeseg.errors import EdgesegError, UsageError
from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.required_memory import estimate_bytes
from edgeseg.run.results.record import Code, Records
from edgeseg.segmenter import Segmenter
from edgeseg.server.accept import preferred_type
from edgeseg.server.files import make_file
from edgeseg.server.middleware import LOOPBACK_NAMES, AccessControl, SecureResponses
from edgeseg.server.model_info import Health, describe_model
from edgeseg.server.openapi import openapi_document
from edgeseg.server.options import FileOptions, SegmentOptions, read_options
from edgeseg.server.page_result import page_form
from edgeseg.server.problems import ProblemCode, RequestError, problem_response
from edgeseg.server.upload import Upload, UploadReader
from edgeseg.server.upload_segmenter import UploadedImage, UploadSegmenter, safe_stem
from edgeseg.server.work_queue import WorkQueue

R = TypeVar("R")

_STATIC = Path(__file__).parent / "static"
_FAILURE_STATUSES: dict[Code, HTTPStatus] = {
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported_format": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "internal_error": HTTPStatus.INTERNAL_SERVER_ERROR,
}


class Endpoints:
    """Endpoints of the application.

    Args:
        uploads: segmentation of uploads.
        queue: queue of the requests.
        reader: reader of the uploads.
    """

    def __init__(self, uploads: UploadSegmenter, queue: WorkQueue, reader: UploadReader) -> None:
        self._uploads = uploads
        self._queue = queue
        self._reader = reader

    async def segment(self, request: Request) -> Response:
        """Return the records of an uploaded file, or the mask of one of its images."""
        accept = request.headers.get("accept", "")
        media_type = preferred_type(accept, ("application/json", "image/png"))
        if media_type is None:
            raise RequestError(
                HTTPStatus.NOT_ACCEPTABLE,
                "not_acceptable",
                "not available in this format. Accept application/json or image/png.",
            )
        options = read_options(request, SegmentOptions)
        work = self._make_mask if media_type == "image/png" else self._make_records
        return await self._process(request, partial(work, options))

    async def page_image(self, request: Request) -> Response:
        """Return a segmented image that the page displays."""
        options = read_options(request, SegmentOptions)
        return await self._process(request, partial(self._make_page_form, options))

    async def page_file(self, request: Request) -> Response:
        """Return a result file for the page's download buttons."""
        options = read_options(request, FileOptions)
        return await self._process(request, partial(self._make_file, options))

    async def health(self, request: Request) -> Response:
        """Return the state of the server."""
        running = self._queue.running
        return _json(Health(waiting=self._queue.admitted - running, running=running))

    async def model(self, request: Request) -> Response:
        """Return the model that the server uses."""
        return _json(describe_model(self._uploads.segmenter, self._reader.max_bytes))

    async def openapi(self, request: Request) -> Response:
        """Return the OpenAPI document."""
        return _json(openapi_document())

    async def page(self, request: Request) -> Response:
        """Return the page."""
        return FileResponse(_STATIC / "page.html", headers={"Cache-Control": "no-cache"})

    async def _process(self, request: Request, work: Callable[[Upload], Response]) -> Response:
        with self._queue.admit():
            async with self._reader.read(request) as upload:
                return await self._queue.run(
                    partial(_map_errors, work, upload),
                    request,
                    # A partial would keep the bytes in memory during the whole request.
                    lambda: estimate_bytes(upload.data),
                )

    def _make_records(self, options: SegmentOptions, upload: Upload) -> Response:
        return _records_response(self._uploads.records(upload, options))

    def _make_mask(self, options: SegmentOptions, upload: Upload) -> Response:
        image = self._uploads.segment_image(upload, options)
        if image.segmentation is None:
            return _records_response(image.records)
        return Response(encode_png(image.segmentation.mask), media_type="image/png")

    def _make_page_form(self, options: SegmentOptions, upload: Upload) -> Response:
        image = self._uploads.segment_image(upload, options)
        if image.segmentation is None:
            return _records_response(image.records, image.frame_count)
        body, media_type = page_form(
            image.records, image.segmentation, image.frame, image.frame_count
        )
        return Response(body, media_type=media_type)

    def _make_file(self, options: FileOptions, upload: Upload) -> Response:
        image = self._uploads.segment_image(upload, options, save=False)
        if image.segmentation is None:
            return _records_response(image.records)
        file = make_file(image.records, image.segmentation, _stem(upload, image), options)
        return Response(file.data, media_type=file.media_type)


def create_application(
    segmenter: Segmenter,
    *,
    hosts: frozenset[str] = LOOPBACK_NAMES,
    token: str | None = None,
    save: Path | None = None,
    workers: int = 1,
    reader: UploadReader | None = None,
) -> Starlette:
    """Create the ASGI application.

    Args:
        segmenter: model.
        hosts: allowed names of this machine, in lower case.
        token: token that requests must contain; None if no token is required.
        save: folder for masks and overlays; None to store no results.
        workers: number of photographs to process at the same time.
        reader: reader of the uploads, with limits.
    """
    queue = WorkQueue(workers)
    endpoints = Endpoints(UploadSegmenter(segmenter, save), queue, reader or UploadReader())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        queue.close()

    return Starlette(
        routes=[
            Route("/", endpoints.page),
            Route("/segment", endpoints.segment, methods=["POST"]),
            Route("/health", endpoints.health),
            Route("/model", endpoints.model),
            Route("/openapi.json", endpoints.openapi),
            Route("/page/image", endpoints.page_image, methods=["POST"]),
            Route("/page/file", endpoints.page_file, methods=["POST"]),
            Mount("/static", _RevalidatedFiles(directory=_STATIC)),
        ],
        middleware=[
            Middleware(SecureResponses),
            Middleware(AccessControl, hosts=hosts, token=token),
        ],
        exception_handlers={RequestError: _on_request_error, HTTPException: _on_http_exception},
        lifespan=lifespan,
    )


class _RevalidatedFiles(StaticFiles):
    """Static files with `Cache-Control: no-cache`, so that a new version takes effect at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _map_errors(work: Callable[[Upload], R], upload: Upload) -> R:
    """Convert errors of a segmentation to problems."""
    try:
        return work(upload)
    except UsageError as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, "invalid_request", str(error)) from error
    except EdgesegError as error:  # for example, a full disk or a model that returns NaN
        raise RequestError(
            HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", str(error)
        ) from error
    except MemoryError as error:
        raise RequestError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "out_of_memory",
            "not enough memory for this photograph. Send the photograph again later, or send "
            "a smaller photograph.",
            {"Retry-After": "5"},
        ) from error


def _records_response(records: Records, frame_count: int = 1) -> Response:
    """Return a response with records. If all failed, the first failure sets the HTTP status."""
    response = _json(records, _records_status(records))
    response.headers["Edgeseg-Frame-Count"] = str(frame_count)
    return response


def _records_status(records: Records) -> HTTPStatus:
    if any(record.status != "failed" for record in records):
        return HTTPStatus.OK
    return _FAILURE_STATUSES.get(records[0].reasons[0], HTTPStatus.UNPROCESSABLE_ENTITY)


def _stem(upload: Upload, image: UploadedImage) -> str:
    stem = safe_stem(upload.name)
    return stem if image.frame == 1 else f"{stem}_p{image.frame:04}"


def _json(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


async def _on_request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return problem_response(error)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    code: ProblemCode = "not_found"
    detail = "this page does not exist. The API is described in /openapi.json."
    if status != HTTPStatus.NOT_FOUND:
        code = "method_not_allowed"
        detail = "this method is not allowed here. The API is described in /openapi.json."
    return problem_response(RequestError(status, code, detail, error.headers))
