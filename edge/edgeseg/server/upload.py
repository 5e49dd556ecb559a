"""Reading of uploaded photographs. They are only kept in memory."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import PurePosixPath

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from edgeseg.imaging.decoder import MAX_FILE_BYTES
from edgeseg.server.problems import RequestError

UNNAMED = "photograph"
"""Name of an upload without a file name."""

_MAX_NAME_LENGTH = 255
_MULTIPART_OVERHEAD = 1 << 16  # maximum size of the form without the photograph
_RETRY = {"Retry-After": "5"}


@dataclass
class Upload:
    """Uploaded photograph.

    Attributes:
        name: file name without folders, or `photograph`.
        data: bytes of the file.
    """

    name: str
    data: bytes = field(repr=False)

    def take_data(self) -> bytes:
        """Return the bytes of the file, and remove them from this object to free their memory."""
        data = self.data
        self.data = b""
        return data


class _MemoryParser(MultiPartParser):
    """Parser of forms that does not write temporary files."""

    spool_max_size = MAX_FILE_BYTES + 1
    max_file_size = MAX_FILE_BYTES + 1  # name of the attribute in older releases of Starlette


class UploadReader:
    """Reader of uploads with limits for the size of each upload and of all uploads.

    Args:
        max_bytes: limit for the size of a photograph, and for the total size of all photographs in
            memory.
        idle_s: maximum number of seconds without data.
    """

    def __init__(self, max_bytes: int = MAX_FILE_BYTES, idle_s: float = 30.0) -> None:
        self.max_bytes = max_bytes
        self.idle_s = idle_s
        self.held_bytes = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[Upload]:
        """Yield the photograph of a request.

        The size of the request counts towards the limit until the `async with` block ends.

        The body is either the photograph's file or a form (`multipart/form-data`) with one file.

        Raises:
            RequestError: The upload is too large or stalls, memory is exhausted, or the form is
                invalid.
        """
        body = _LimitedBody(request, self)
        try:
            if request.headers.get("content-type", "").startswith("multipart/"):
                yield await _read_form(request, body)
            else:
                yield Upload(UNNAMED, b"".join([chunk async for chunk in body.chunks()]))
        finally:
            self.held_bytes -= body.size


class _LimitedBody:
    """Body of a request, read with limits."""

    def __init__(self, request: Request, reader: UploadReader) -> None:
        self.size = 0
        self._request = request
        self._reader = reader
        self._limit = reader.max_bytes + _MULTIPART_OVERHEAD

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body in parts. A declared size is checked before the first part."""
        declared = self._request.headers.get("content-length", "0")
        self._check(int(declared) if declared.isdecimal() else 0)
        stream = self._request.stream()
        while True:
            try:
                chunk = await asyncio.wait_for(anext(stream), self._reader.idle_s)
            except StopAsyncIteration:
                return
            except asyncio.TimeoutError as error:
                raise RequestError(
                    HTTPStatus.REQUEST_TIMEOUT,
                    "upload_stalled",
                    f"no data for {self._reader.idle_s:g} seconds. Send the photograph again.",
                    {"Connection": "close"},
                ) from error
            self._check(self.size + len(chunk))
            self.size += len(chunk)
            self._reader.held_bytes += len(chunk)
            yield chunk

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "upload_too_large",
                f"more than {self._reader.max_bytes >> 20} MiB. Send a smaller photograph.",
            )
        if self._reader.held_bytes - self.size + size > self._limit:
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "queue_full",
                "too many photographs in memory. Send the photograph again later.",
                _RETRY,
            )


async def _read_form(request: Request, body: _LimitedBody) -> Upload:
    parser = _MemoryParser(request.headers, body.chunks(), max_files=1, max_fields=0)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise _invalid_form(error.message) from error
    files = [value for value in form.values() if isinstance(value, UploadFile)]
    if len(files) != 1:
        raise _invalid_form("the form contains no file.")
    try:
        return Upload(_base_name(files[0].filename), await files[0].read())
    finally:
        await form.close()


def _invalid_form(reason: str) -> RequestError:
    return RequestError(
        HTTPStatus.BAD_REQUEST,
        "invalid_request",
        f"{reason} Send one photograph as the only field of the form, or as the body of the "
        "request.",
    )


def _base_name(name: str | None) -> str:
    """Return a file name without the client's folders."""
    base = PurePosixPath((name or "").replace("\\", "/")).name
    return base[:_MAX_NAME_LENGTH] or UNNAMED
